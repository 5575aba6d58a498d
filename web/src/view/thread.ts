import type { Post } from "../post.ts";
import type { Thread } from "../threads.ts";
import type { Entry } from "../timeline.ts";
import { Acts } from "./acts.ts";
import { bodyOf } from "./body.ts";
import { Composer } from "./composer.ts";
import { arrange, h, setText } from "./dom.ts";
import { DraftRow } from "./draft.ts";
import { Editor } from "./editor.ts";
import { Frame } from "./frame.ts";
import type { Host } from "./host.ts";

/** Answers to answers stand further in, up to where the lines would get too short. */
const maxDepth = 4;

/** The comments on a post, below it, and where one writes another. */
export class ThreadView {
  private readonly list = h("ol", { class: "comments" });
  private readonly hint = h("p", { class: "muted", attrs: { role: "status" } });
  private readonly composer: Composer;
  private readonly rows = new Map<string, CommentRow | DraftRow>();
  readonly element: HTMLElement;

  constructor(
    private readonly host: Host,
    post: Post,
  ) {
    this.composer = new Composer({
      id: `comment-${post.id}`,
      button: "Comment",
      send: host.desk.send,
      write: (written) => host.desk.write({ ...written, inReplyTo: written.inReplyTo || post.id, place: post.place, thread: post.id }),
    });
    this.composer.update(post.id, `Comment on what ${post.actorName} said`);
    this.element = h("section", { class: "thread", attrs: { "aria-label": `Comments on what ${post.actorName} said` } }, this.list, this.hint, this.composer.element);
    // The arrow keys of the list of posts are not meant in here.
    this.element.addEventListener("keydown", (event) => event.stopPropagation());
  }

  focus(): void {
    this.composer.focus();
  }

  update(thread: Thread): void {
    const { desk } = this.host;
    const used = new Set<string>();
    const elements: Element[] = [];
    const put = <R extends CommentRow | DraftRow>(key: string, make: () => R): R => {
      const row = (this.rows.get(key) as R | undefined) ?? make();
      this.rows.set(key, row);
      used.add(key);
      elements.push(row.element);
      return row;
    };
    for (const { entry, depth } of thread.entries()) {
      put(entry.post.id, () => new CommentRow({ ...this.host, answer: (post) => this.composer.answer(post) }, entry)).update(entry, depth);
    }
    for (const draft of desk.outbox.of(thread.place, thread.root)) put(draft.key, () => new DraftRow(desk, draft)).update(draft, true);
    for (const key of this.rows.keys()) if (!used.has(key)) this.rows.delete(key);
    arrange(this.list, elements);
    const words = thread.obstacle || (thread.isLoaded ? "" : "Loading…");
    setText(this.hint, words);
    this.hint.hidden = words === "";
    const room = desk.rooms.get(thread.place);
    this.composer.element.hidden = room !== undefined && !room.may("write");
  }
}

class CommentRow {
  private readonly frame: Frame;
  private readonly acts: Acts;
  private body: HTMLElement = h("div");
  private editor: Editor | null = null;
  private drawn = "";
  readonly element: HTMLLIElement;

  constructor(
    private readonly host: Host,
    private entry: Entry,
  ) {
    this.frame = new Frame(host.desk.media, () => host.card(this.entry.post.actor));
    this.acts = new Acts(host, () => this.edit());
    this.element = this.frame.element;
    this.frame.said.append(this.body, this.acts.element);
  }

  update(entry: Entry, depth: number): void {
    this.entry = entry;
    const { post } = entry;
    const isMine = post.actor === this.host.desk.me.id;
    const notes = entry.edited ? ["edited"] : [];
    this.frame.update({ id: post.actor, name: post.actorName, at: post.published, isHead: true, isMine, kind: `comment depth-${Math.min(depth, maxDepth)}`, notes });
    this.element.dataset["id"] = post.id;
    const from = JSON.stringify([entry.content, entry.html, entry.removed]);
    if (from !== this.drawn && this.editor === null) {
      this.drawn = from;
      const body = bodyOf(entry, this.host.desk.media);
      this.body.replaceWith(body);
      this.body = body;
    }
    this.acts.update(entry);
  }

  private edit(): void {
    if (this.editor !== null) return;
    this.editor = new Editor(this.entry.content, async (content) => {
      if (content !== null && content !== this.entry.content && !(await this.host.desk.deeds.edit(this.entry.post, content))) return;
      this.editor?.element.replaceWith(this.body);
      this.editor = null;
    });
    this.body.replaceWith(this.editor.element);
    this.editor.focus();
  }
}

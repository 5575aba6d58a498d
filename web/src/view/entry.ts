import { addressOf, kindOf } from "../place.ts";
import type { Post } from "../post.ts";
import type { Entry } from "../timeline.ts";
import { Acts } from "./acts.ts";
import { bodyOf, shareOf } from "./body.ts";
import { h, setText } from "./dom.ts";
import { Editor } from "./editor.ts";
import { Frame } from "./frame.ts";
import type { Host } from "./host.ts";
import { ThreadView } from "./thread.ts";

/** One post. Its element stays for as long as it is shown, so what has the focus keeps it. */
export class PostRow {
  private readonly frame: Frame;
  private readonly where = h("a", { class: "where" });
  private readonly quote = h("p", { class: "quote" });
  private body: HTMLElement = h("div");
  private readonly acts: Acts;
  private readonly receipt = h("p", { class: "receipt" });
  private thread: ThreadView | null = null;
  private editor: Editor | null = null;
  private entry: Entry;
  private drawn = "";
  readonly element: HTMLLIElement;

  constructor(
    private readonly host: Host,
    entry: Entry,
    private readonly showsPlace = false,
  ) {
    this.entry = entry;
    this.frame = new Frame(host.desk.media, () => host.card(this.entry.post.actor));
    this.acts = new Acts(host, () => this.edit());
    this.element = this.frame.element;
    this.element.tabIndex = -1;
    this.frame.heading.append(this.where);
    this.frame.said.append(this.quote, this.body, this.receipt, this.acts.element);
  }

  /** answered is the post that this one answers, where it is known; receipt who has it, where that is told. */
  update(entry: Entry, isHead: boolean, answered: Post | undefined, receipt: string): void {
    this.entry = entry;
    const { post } = entry;
    const tally = this.host.desk.tallies.of(post.id);
    const notes: string[] = [];
    if (entry.edited) notes.push("edited");
    if (tally.isFlagged) notes.push("highlighted");
    if (post.to.length > 0) notes.push(`only for ${post.to.join(", ")}`);
    // What an application tells: "uni:graded" reads "graded".
    if (post.type === "Announce") notes.push("shared");
    else if (post.type !== "Create") notes.push(post.type.slice(post.type.indexOf(":") + 1));
    const isMine = post.actor === this.host.desk.me.id;
    this.frame.update({ id: post.actor, name: post.actorName, at: post.published, isHead: isHead || notes.length > 0, isMine, kind: "post", notes });
    this.element.classList.toggle("flagged", tally.isFlagged);
    this.element.dataset["seq"] = `${post.seq}`;
    this.element.dataset["id"] = post.id;
    this.where.hidden = !this.showsPlace;
    this.where.href = addressOf(post.place);
    setText(this.where, kindOf(post.place) === "user" ? "on the wall" : `in ${this.host.desk.rooms.get(post.place)?.name ?? post.placeName}`);
    this.quote.hidden = answered === undefined;
    setText(this.quote, answered === undefined ? "" : `${answered.actorName}: ${answered.content}`);
    setText(this.receipt, receipt);
    this.receipt.hidden = receipt === "";
    this.draw(entry, tally.shared);
    this.acts.update(entry);
    this.updateThread(post, entry.removed);
  }

  /** Only the row one has come to by the arrow keys is on the way of the Tab key. */
  set isCurrent(is: boolean) {
    this.element.tabIndex = is ? 0 : -1;
    for (const button of this.frame.said.querySelectorAll<HTMLElement>(":scope > .heading button, :scope > .acts button")) button.tabIndex = is ? 0 : -1;
  }

  private draw(entry: Entry, shared: Post | null): void {
    const from = JSON.stringify([entry.content, entry.html, entry.removed, shared?.id]);
    if (from === this.drawn || this.editor !== null) return;
    this.drawn = from;
    const said = bodyOf(entry, this.host.desk.media);
    const body = shared === null || entry.removed ? said : h("div", {}, ...(entry.content === "" && entry.post.files.length === 0 ? [] : [said]), shareOf(shared, this.host.desk.media));
    this.body.replaceWith(body);
    this.body = body;
  }

  private edit(): void {
    if (this.editor !== null) return;
    const { post } = this.entry;
    this.editor = new Editor(this.entry.content, async (content) => {
      if (content !== null && content !== this.entry.content && !(await this.host.desk.deeds.edit(post, content))) return;
      this.editor?.element.replaceWith(this.body);
      this.editor = null;
      this.drawn = "";
      this.draw(this.entry, this.host.desk.tallies.of(post.id).shared);
      this.element.focus();
    });
    this.body.replaceWith(this.editor.element);
    this.editor.focus();
  }

  private updateThread(post: Post, isRemoved: boolean): void {
    const thread = this.host.desk.threads.get(post.id);
    if (thread === undefined || isRemoved) {
      this.thread?.element.remove();
      this.thread = null;
      return;
    }
    if (this.thread === null) {
      this.thread = new ThreadView(this.host, post);
      this.frame.said.append(this.thread.element);
      this.thread.focus();
    }
    this.thread.update(thread);
  }
}


import type { Desk } from "../desk.ts";
import { segments } from "../link.ts";
import type { Draft } from "../outbox.ts";
import type { Entry } from "../timeline.ts";
import { dayKey, dayOf, momentOf, timeOf } from "./clock.ts";
import { arrange, h, setText } from "./dom.ts";

/** Posts of one author this close together stand under one heading. */
const together = 5 * 60_000; // ms

/** This close to the end counts as reading along. */
const nearEnd = 80; // px

const tones = 8;

/** The open context's messages, and those of ours that are on their way there. */
export class Stream {
  private readonly list = h("ol", { class: "posts" });
  private readonly older = h("button", { class: "quiet older", attrs: { type: "button" }, on: { click: () => void this.desk.older() } }, "Older messages");
  private readonly hint = h("p", { class: "muted hint" });
  private readonly jump = h("button", { class: "jump", attrs: { type: "button" }, on: { click: () => this.toEnd() } }, "Newest messages");
  private readonly scroll = h(
    "div",
    { class: "scroll", attrs: { tabindex: "0", role: "region", "aria-label": "Messages" }, on: { scroll: () => this.scrolled() } },
    this.older,
    this.hint,
    this.list,
  );
  readonly element = h("div", { class: "stream" }, this.scroll, this.jump);

  /** One element per post and draft, with what it was drawn from. */
  private readonly drawn = new Map<string, { element: HTMLLIElement; from: string }>();
  private shown = "";
  private followsEnd = true;

  constructor(private readonly desk: Desk) {
    // A keyboard that slides in or a window that shrinks must not hide the end.
    new ResizeObserver(() => this.followsEnd && this.toEnd()).observe(this.scroll);
  }

  update(): void {
    const timeline = this.desk.open;
    const context = timeline?.context ?? "";
    if (context !== this.shown) {
      this.shown = context;
      this.drawn.clear();
      this.followsEnd = true;
    }
    const entries = timeline?.entries() ?? [];
    const drafts = timeline === null ? [] : this.desk.outbox.of(context);
    // Where one reads further up, the text stays under the eye while posts are
    // added or dropped above it.
    const held = this.followsEnd ? undefined : this.topmost();
    const heldAt = this.bottomOf(held);
    arrange(this.list, this.elements(entries, drafts));
    this.older.hidden = timeline === null || !timeline.hasOlder;
    this.older.disabled = this.desk.isReadingOlder;
    const isEmpty = entries.length + drafts.length === 0;
    this.hint.hidden = timeline === null || !isEmpty || this.desk.obstacle !== "";
    setText(this.hint, timeline?.loaded === true ? "Nothing has been said here yet." : "Loading…");
    if (this.followsEnd) this.toEnd();
    else if (heldAt !== null) this.scroll.scrollTop += (this.bottomOf(held) ?? heldAt) - heldAt;
    this.jump.hidden = this.followsEnd;
  }

  /** The writer wants to see what they have just written. */
  toEnd(): void {
    this.followsEnd = true;
    this.jump.hidden = true;
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  /** The key of the first post of which something can be seen. */
  private topmost(): string | undefined {
    const { top } = this.scroll.getBoundingClientRect();
    for (const [key, { element }] of this.drawn) {
      if (key.startsWith("post ") && element.getBoundingClientRect().bottom > top) return key;
    }
    return undefined;
  }

  /** Its lower edge, as a post loses its heading when others come to stand before it. */
  private bottomOf(key: string | undefined): number | null {
    return this.drawn.get(key ?? "")?.element.getBoundingClientRect().bottom ?? null;
  }

  private scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.scroll;
    this.followsEnd = scrollHeight - scrollTop - clientHeight < nearEnd;
    this.jump.hidden = this.followsEnd;
  }

  private elements(entries: readonly Entry[], drafts: readonly Draft[]): Element[] {
    const now = Date.now();
    const elements: Element[] = [];
    const used = new Set<string>();
    const put = (key: string, from: string, draw: () => HTMLLIElement) => {
      let drawn = this.drawn.get(key);
      if (drawn?.from !== from) {
        drawn = { element: draw(), from };
      }
      // Set anew, so that the map stays in the order of the list.
      this.drawn.delete(key);
      this.drawn.set(key, drawn);
      used.add(key);
      elements.push(drawn.element);
    };
    let last: { day: string; author: string; at: number } = { day: "", author: "", at: 0 };
    const day = (at: number) => {
      const key = dayKey(at);
      if (key === last.day) return;
      last = { day: key, author: "", at: 0 };
      const words = dayOf(at, now);
      put(`day ${key}`, words, () => h("li", { class: "day" }, h("span", {}, words)));
    };
    for (const entry of entries) {
      const { post } = entry;
      day(post.published);
      const isHead = post.actor !== last.author || post.published - last.at > together;
      last = { day: last.day, author: post.actor, at: post.published };
      const from = JSON.stringify([entry.content, entry.edited, entry.removed, isHead, post.actorName]);
      put(`post ${post.seq}`, from, () => postElement(entry, isHead, post.actor === this.desk.me.id));
    }
    for (const draft of drafts) {
      day(draft.at);
      const isHead = last.author !== this.desk.me.id || draft.at - last.at > together;
      last = { day: last.day, author: this.desk.me.id, at: draft.at };
      const from = JSON.stringify([draft.fate, draft.detail, isHead]);
      put(`draft ${draft.key}`, from, () => this.draftElement(draft, isHead));
    }
    for (const key of this.drawn.keys()) if (!used.has(key)) this.drawn.delete(key);
    return elements;
  }

  private draftElement(draft: Draft, isHead: boolean): HTMLLIElement {
    const { me } = this.desk;
    const fate = h("div", { class: "fate" });
    if (draft.fate === "refused") {
      fate.setAttribute("role", "alert");
      fate.append(
        h("span", {}, `Not sent: ${draft.detail}`),
        h("button", { class: "quiet", attrs: { type: "button" }, on: { click: () => this.desk.writeAgain(draft.key) } }, "Try again"),
        h("button", { class: "quiet", attrs: { type: "button" }, on: { click: () => this.desk.outbox.drop(draft.key) } }, "Discard"),
      );
    } else {
      fate.append(draft.fate === "pending" ? "Sending…" : "Sent");
    }
    return frame({ id: me.id, name: me.name, at: draft.at, isHead, isMine: true, kind: draft.fate }, [], [body(draft.content), fate]);
  }
}

function postElement(entry: Entry, isHead: boolean, isMine: boolean): HTMLLIElement {
  const { post } = entry;
  const notes: string[] = [];
  if (entry.edited) notes.push("edited");
  if (post.to.length > 0) notes.push(`only for ${post.to.join(", ")}`);
  // What an application tells: "uni:graded" reads "graded".
  if (post.type !== "Create") notes.push(post.type.slice(post.type.indexOf(":") + 1));
  const content = entry.removed ? h("p", { class: "body gone" }, "This message was removed.") : body(entry.content);
  const element = frame(
    { id: post.actor, name: post.actorName, at: post.published, isHead: isHead || notes.length > 0, isMine, kind: "post" },
    notes,
    [content],
  );
  element.dataset["seq"] = `${post.seq}`;
  return element;
}

interface Frame {
  readonly id: string;
  readonly name: string;
  readonly at: number;
  readonly isHead: boolean;
  readonly isMine: boolean;
  readonly kind: string;
}

function frame(about: Frame, notes: readonly string[], content: readonly Element[]): HTMLLIElement {
  const time = h("time", { attrs: { datetime: new Date(about.at).toISOString(), title: momentOf(about.at) } }, timeOf(about.at));
  // Under one heading the name is repeated for those who do not see the grouping.
  const heading = h(
    "div",
    { class: about.isHead ? "heading" : "heading unseen" },
    h("span", { class: "author" }, about.name),
    time,
    ...notes.map((note) => h("span", { class: "note" }, note)),
  );
  const avatar = h("span", { class: `avatar tone-${toneOf(about.id)}`, attrs: { "aria-hidden": "true" } }, initialOf(about.name));
  const classes = ["post", about.kind, about.isHead ? "head" : "tail", ...(about.isMine ? ["mine"] : [])];
  return h("li", { class: classes.join(" ") }, about.isHead ? avatar : h("span", { class: "avatar none", attrs: { "aria-hidden": "true" } }), h("div", { class: "said" }, heading, ...content));
}

function body(content: string): HTMLElement {
  return h(
    "p",
    { class: "body", attrs: { dir: "auto" } },
    ...segments(content).map((segment) =>
      segment.href === "" ? segment.text : h("a", { attrs: { href: segment.href, target: "_blank", rel: "noopener noreferrer nofollow" } }, segment.text),
    ),
  );
}

/** One person has one colour wherever the page is read. */
function toneOf(id: string): number {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return sum % tones;
}

function initialOf(name: string): string {
  return ([...name.trim()][0] ?? "?").toUpperCase();
}

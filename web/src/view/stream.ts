import type { Draft } from "../outbox.ts";
import { kindOf } from "../place.ts";
import type { Post } from "../post.ts";
import type { Entry } from "../timeline.ts";
import { dayKey, dayOf } from "./clock.ts";
import { arrange, h, setText } from "./dom.ts";
import { DraftRow } from "./draft.ts";
import { PostRow } from "./entry.ts";
import type { Host } from "./host.ts";
import { Rove } from "./rove.ts";

/** Posts of one author this close together stand under one heading. */
const together = 5 * 60_000; // ms

/** This close to the end counts as reading along. */
const nearEnd = 80; // px

/** The open place's messages, and those of ours that are on their way there. */
export class Stream {
  private readonly list = h("ol", { class: "posts" });
  private readonly rove = new Rove(this.list);
  private readonly older = h("button", { class: "quiet older", attrs: { type: "button" }, on: { click: () => void this.host.desk.shelf.older() } }, "Older messages");
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

  /** One row per post, draft and day, in the order of the list. */
  private readonly rows = new Map<string, Row>();
  private shown = "";
  private followsEnd = true;

  /** reached is called when the end comes into view. */
  constructor(
    private readonly host: Host,
    private readonly reached: () => void,
  ) {
    // A keyboard that slides in or a window that shrinks must not hide the end.
    new ResizeObserver(() => this.followsEnd && this.toEnd()).observe(this.scroll);
  }

  update(): void {
    const timeline = this.host.desk.open;
    const place = timeline?.place ?? "";
    if (place !== this.shown) {
      this.shown = place;
      this.rows.clear();
      this.followsEnd = true;
    }
    const entries = timeline?.entries() ?? [];
    const drafts = timeline === null ? [] : this.host.desk.outbox.of(place);
    // Where one reads further up, the text stays under the eye while posts are
    // added or dropped above it.
    const held = this.followsEnd ? undefined : this.topmost();
    const heldAt = this.bottomOf(held);
    arrange(this.list, this.elements(entries, drafts));
    this.rove.update([...this.rows.values()].filter((row) => row instanceof PostRow));
    this.older.hidden = timeline === null || !timeline.hasOlder;
    this.older.disabled = this.host.desk.shelf.isReadingOlder;
    const isEmpty = entries.length + drafts.length === 0;
    this.hint.hidden = timeline === null || !isEmpty || this.host.desk.shelf.obstacle !== "";
    setText(this.hint, timeline?.loaded === true ? "Nothing has been said here yet." : "Loading…");
    if (this.followsEnd) this.toEnd();
    else if (heldAt !== null) this.scroll.scrollTop += (this.bottomOf(held) ?? heldAt) - heldAt;
    this.jump.hidden = this.followsEnd;
  }

  /** The newest message is before whoever looks at this page. */
  get isAtEnd(): boolean {
    return this.followsEnd;
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
    for (const [key, { element }] of this.rows) {
      if (key.startsWith("post ") && element.getBoundingClientRect().bottom > top) return key;
    }
    return undefined;
  }

  /** Its lower edge, as a post loses its heading when others come to stand before it. */
  private bottomOf(key: string | undefined): number | null {
    return this.rows.get(key ?? "")?.element.getBoundingClientRect().bottom ?? null;
  }

  private scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.scroll;
    this.followsEnd = scrollHeight - scrollTop - clientHeight < nearEnd;
    this.jump.hidden = this.followsEnd;
    if (this.followsEnd) this.reached();
  }

  private elements(entries: readonly Entry[], drafts: readonly Draft[]): Element[] {
    const now = Date.now();
    const elements: Element[] = [];
    const used = new Set<string>();
    const put = <R extends Row>(key: string, make: () => R): R => {
      // A key says of which kind its row is.
      const row = (this.rows.get(key) as R | undefined) ?? make();
      // Set anew, so that the map stays in the order of the list.
      this.rows.delete(key);
      this.rows.set(key, row);
      used.add(key);
      elements.push(row.element);
      return row;
    };
    let last: { day: string; author: string; at: number } = { day: "", author: "", at: 0 };
    const day = (at: number) => {
      const key = dayKey(at);
      if (key === last.day) return;
      last = { day: key, author: "", at: 0 };
      setText(put(`day ${key}`, dayRow).words, dayOf(at, now));
    };
    const byID = new Map(entries.map((entry) => [entry.post.id, entry.post]));
    const lastMine = entries.findLast((entry) => entry.post.actor === this.host.desk.me.id && !entry.removed)?.post;
    for (const entry of entries) {
      const { post } = entry;
      day(post.published);
      const isHead = post.actor !== last.author || post.published - last.at > together;
      last = { day: last.day, author: post.actor, at: post.published };
      const answered = post.inReplyTo === "" ? undefined : byID.get(post.inReplyTo);
      const receipt = post === lastMine ? receiptOf(this.host, post) : "";
      put(`post ${post.seq}`, () => new PostRow(this.host, entry)).update(entry, isHead, answered, receipt);
    }
    for (const draft of drafts) {
      day(draft.at);
      const isHead = last.author !== this.host.desk.me.id || draft.at - last.at > together;
      last = { day: last.day, author: this.host.desk.me.id, at: draft.at };
      put(`draft ${draft.key}`, () => new DraftRow(this.host.desk, draft)).update(draft, isHead);
    }
    for (const key of this.rows.keys()) if (!used.has(key)) this.rows.delete(key);
    return elements;
  }
}

/** How far the others have come with the last thing that one has said. */
function receiptOf(host: Host, post: Post): string {
  const readers = host.desk.company.readers(post.place);
  const read = readers.filter((reader) => reader.read >= post.seq);
  const room = host.desk.rooms.get(post.place);
  const isPair = kindOf(post.place) === "conv" && room?.isGroup === false;
  if (read.length > 0) return isPair ? "Read" : `Read by ${told(read.map((reader) => reader.name))}`;
  if (kindOf(post.place) !== "conv") return "";
  return readers.some((reader) => reader.delivered >= post.seq) ? "Delivered" : "";
}

function told(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 2).join(", ")} and ${names.length - 2} more` : names.join(", ");
}

interface Row {
  readonly element: HTMLLIElement;
}

function dayRow(): Row & { readonly words: HTMLElement } {
  const words = h("span");
  return { words, element: h("li", { class: "day" }, words) };
}

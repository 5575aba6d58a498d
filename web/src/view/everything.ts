import { arrange, h, setText } from "./dom.ts";
import { PostRow } from "./entry.ts";
import type { Host } from "./host.ts";
import { Rove } from "./rove.ts";

/** What is new in all that one belongs to and follows, newest first. */
export class Everything {
  private readonly list = h("ol", { class: "posts feed" });
  private readonly rove = new Rove(this.list);
  private readonly hint = h("p", { class: "muted hint", attrs: { role: "status" } });
  private readonly older = h("button", { class: "quiet older", attrs: { type: "button" }, on: { click: () => void this.host.desk.feed.older() } }, "Older posts");
  private readonly rows = new Map<string, PostRow>();
  readonly element: HTMLElement;

  constructor(private readonly host: Host) {
    const back = h("a", { class: "back", attrs: { href: "#/", "aria-label": "All rooms" } }, "‹");
    const scroll = h("div", { class: "scroll", attrs: { tabindex: "0", role: "region", "aria-label": "Posts" } }, this.hint, this.list, this.older);
    this.element = h("main", { class: "room" }, h("header", {}, back, h("div", { class: "what" }, h("h1", {}, "Everything"))), h("div", { class: "stream" }, scroll));
  }

  update(): void {
    const { feed } = this.host.desk;
    const entries = feed.isOpen ? feed.entries() : [];
    const rows = entries.map((entry) => {
      const row = this.rows.get(entry.post.id) ?? new PostRow(this.host, entry, true);
      this.rows.set(entry.post.id, row);
      row.update(entry, true, undefined, "");
      return row;
    });
    const present = new Set(entries.map((entry) => entry.post.id));
    for (const id of this.rows.keys()) if (!present.has(id)) this.rows.delete(id);
    arrange(this.list, rows.map((row) => row.element));
    this.rove.update(rows);
    const words = feed.obstacle || (entries.length > 0 ? "" : feed.isLoaded ? "Nothing yet. Join a context, or follow somebody." : "Loading…");
    setText(this.hint, words);
    this.hint.hidden = words === "";
    this.older.hidden = !feed.hasOlder;
    this.older.disabled = feed.isLoading;
  }
}

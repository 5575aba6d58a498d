import { addressOf } from "../address.ts";
import type { Context } from "../context.ts";
import type { Desk } from "../desk.ts";
import { arrange, h, setText } from "./dom.ts";

/** A filter is of use from this many contexts on. */
const manyContexts = 9;

/** The list of contexts: those one is in, and those one could join. */
export class ContextList {
  private readonly mine = h("ul");
  private readonly others = h("ul");
  private readonly othersTitle = h("h2", {}, "To join");
  private readonly empty = h("p", { class: "muted hint" });
  private readonly filter = h("input", {
    attrs: { type: "search", placeholder: "Find a context", "aria-label": "Find a context" },
    on: { input: () => this.update() },
  });
  private readonly rows = new Map<string, Row>();
  readonly element = h(
    "nav",
    { class: "contexts", attrs: { "aria-label": "Contexts" } },
    this.filter,
    h("h2", {}, "Yours"),
    this.mine,
    this.empty,
    this.othersTitle,
    this.others,
  );

  constructor(private readonly desk: Desk) {}

  update(): void {
    const { contexts, isListed } = this.desk;
    this.filter.hidden = contexts.length < manyContexts;
    const wanted = this.filter.hidden ? "" : this.filter.value.trim().toLowerCase();
    const shown = contexts.filter(
      (context) => wanted === "" || context.name.toLowerCase().includes(wanted) || context.id.includes(wanted),
    );
    const mine = shown.filter((context) => context.isMember);
    const others = shown.filter((context) => !context.isMember);
    arrange(this.mine, mine.map((context) => this.row(context)));
    arrange(this.others, others.map((context) => this.row(context)));
    this.othersTitle.hidden = others.length === 0;
    setText(this.empty, mine.length > 0 ? "" : isListed ? (wanted === "" ? "You are in no context yet." : "None of yours.") : "Loading…");
    this.empty.hidden = mine.length > 0;
    const present = new Set(contexts.map((context) => context.id));
    for (const id of this.rows.keys()) if (!present.has(id)) this.rows.delete(id);
  }

  private row(context: Context): HTMLElement {
    let row = this.rows.get(context.id);
    if (row === undefined) {
      row = new Row(context.id);
      this.rows.set(context.id, row);
    }
    row.update(context, this.desk.open?.context === context.id, this.desk.unread.get(context.id) ?? 0);
    return row.element;
  }
}

class Row {
  private readonly name = h("span", { class: "name" });
  private readonly unread = h("span", { class: "unread" });
  private readonly unreadWords = h("span", { class: "unseen" });
  private readonly link: HTMLAnchorElement;
  readonly element: HTMLLIElement;

  constructor(id: string) {
    this.link = h("a", { attrs: { href: addressOf(id) } }, this.name, this.unread, this.unreadWords);
    this.element = h("li", {}, this.link);
  }

  update(context: Context, isOpen: boolean, unread: number): void {
    setText(this.name, context.name);
    if (isOpen) this.link.setAttribute("aria-current", "page");
    else this.link.removeAttribute("aria-current");
    this.unread.hidden = unread === 0;
    this.unread.setAttribute("aria-hidden", "true");
    setText(this.unread, unread > 99 ? "99+" : `${unread}`);
    setText(this.unreadWords, unread === 0 ? "" : ` (${unread} new)`);
  }
}

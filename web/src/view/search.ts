import { Search, kinds, type Found, type Kind } from "../search.ts";
import type { Reader } from "../rest.ts";
import { addressOf } from "../place.ts";
import type { Media } from "../media.ts";
import type { Post } from "../post.ts";
import { bodyOf } from "./body.ts";
import { shortTimeOf } from "./clock.ts";
import { ask } from "./dialog.ts";
import { h, setText } from "./dom.ts";

const words: Record<Kind, string> = { activities: "Posts", comments: "Comments", messages: "Messages", people: "People", contexts: "Contexts" };

/** How long one has to stop typing, in milliseconds. */
const typingPause = 300;

/** Where one finds things: "/" or Control and K open it, Escape closes it. */
export class SearchDialog {
  private readonly search: Search;
  private readonly input = h("input", {
    attrs: { type: "search", "aria-label": "Search", placeholder: "Words, \"phrases\", -without, #tag", maxlength: "200", autocomplete: "off" },
    on: {
      input: () => this.typed(),
      // Which would only empty the box.
      keydown: (event) => {
        if (!(event instanceof KeyboardEvent) || event.key !== "Escape") return;
        event.preventDefault();
        this.element.close();
      },
    },
  });
  private readonly kind = h("select", { attrs: { "aria-label": "What to look for" }, on: { change: () => this.asked() } });
  private readonly hint = h("p", { class: "muted hint", attrs: { role: "status" } });
  private readonly list = h("ol", { class: "found", attrs: { "aria-label": "What was found" } });
  private readonly more = h("button", { class: "quiet", attrs: { type: "button" }, on: { click: () => void this.search.more() } }, "More");
  private pause: ReturnType<typeof setTimeout> | undefined;
  readonly element: HTMLDialogElement;

  constructor(
    rest: Reader,
    private readonly go: (found: Found) => void,
  ) {
    this.search = new Search(rest, () => this.draw());
    this.kind.append(...kinds.map((kind) => h("option", { attrs: { value: kind } }, words[kind])));
    const close = h("button", { class: "quiet", attrs: { type: "button" }, on: { click: () => this.element.close() } }, "Close");
    const form = h("form", { attrs: { role: "search" }, on: { submit: (event) => (event.preventDefault(), this.asked()) } }, this.input, this.kind);
    this.element = h("dialog", { class: "search", attrs: { "aria-label": "Search" } }, form, this.hint, this.list, h("div", { class: "choices" }, this.more, close));
    this.draw();
  }

  /** Opens it; a query is asked at once. */
  open(query = ""): void {
    if (!this.element.open) this.element.showModal();
    if (query !== "") {
      this.input.value = query;
      this.kind.value = "activities";
      this.asked();
    }
    this.input.focus();
    this.input.select();
  }

  private typed(): void {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.asked(), typingPause);
  }

  private asked(): void {
    clearTimeout(this.pause);
    void this.search.ask(this.input.value, kinds.find((kind) => kind === this.kind.value) ?? "activities");
  }

  private draw(): void {
    const { found, isLooking, isAnswered, obstacle, hasMore } = this.search;
    this.list.replaceChildren(...found.map((one) => this.row(one)));
    this.list.setAttribute("aria-busy", `${isLooking}`);
    const count = `${found.length}${hasMore ? " or more" : ""} found`;
    setText(this.hint, obstacle || (isLooking ? "Looking…" : !isAnswered ? "" : found.length > 0 ? count : hasMore ? "Nothing yet, and there is more to look through." : "Nothing found."));
    this.more.hidden = !hasMore;
    this.more.disabled = isLooking;
  }

  private row(found: Found): HTMLLIElement {
    const place = found.at > 0 ? h("span", { class: "muted" }, ` in ${found.placeName || found.place}, ${shortTimeOf(found.at, Date.now())}`) : h("span", { class: "muted" }, ` ${found.placeName}`);
    const link = h(
      "a",
      {
        attrs: { href: addressOf(found.place) },
        on: {
          click: () => {
            this.element.close();
            this.go(found);
          },
        },
      },
      h("span", { class: "name" }, found.title),
      place,
      h("span", { class: "excerpt" }, ...found.excerpt.map((run) => (run.isMark ? h("mark", {}, run.text) : run.text))),
    );
    return h("li", {}, link);
  }
}

/** How long is waited for a room to show a post, in milliseconds. */
const patience = 5_000;

/** Shows a post as soon as its room has it; missed is called where it does not come. */
export function showPost(within: HTMLElement, id: string, missed: () => void): void {
  const look = (): boolean => {
    const row = within.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`);
    if (row === null || row.offsetParent === null) return false;
    row.scrollIntoView({ block: "center" });
    row.focus({ preventScroll: true });
    return true;
  };
  if (look()) return;
  const watcher = new MutationObserver(() => look() && stop());
  const over = setTimeout(() => {
    stop();
    missed();
  }, patience);
  const stop = (): void => {
    watcher.disconnect();
    clearTimeout(over);
  };
  watcher.observe(within, { childList: true, subtree: true });
}

/** Shows a post that is too far back to stand among the others. */
export async function showAlone(post: Post, media: Media): Promise<void> {
  const entry = { post, content: post.content, html: post.html, mentions: post.mentions, edited: post.updated > 0, removed: post.objectType === "Tombstone" };
  const when = h("p", { class: "muted" }, `${shortTimeOf(post.published, Date.now())}. It is too far back to be shown among the others.`);
  await ask(post.actorName, [when, bodyOf(entry, media)], { value: "", words: "Close" });
}

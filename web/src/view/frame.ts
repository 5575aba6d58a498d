import type { Media } from "../media.ts";
import { avatar, portrait } from "./avatar.ts";
import { momentOf, timeOf } from "./clock.ts";
import { h, setText } from "./dom.ts";

export interface Heading {
  readonly id: string;
  readonly name: string;
  readonly at: number;
  /** False where the one before is by the same author, and stands under one heading with it. */
  readonly isHead: boolean;
  readonly isMine: boolean;
  /** A class of its own, such as a draft's fate. */
  readonly kind: string;
  readonly notes: readonly string[];
}

/** The frame that everything said stands in: who, when, and what. */
export class Frame {
  private readonly picture = h("span", { class: "picture" });
  private readonly author = h("button", { class: "author", attrs: { type: "button" } });
  private readonly time = h("time");
  private readonly notes = h("span", { class: "notes" });
  readonly heading = h("div", { class: "heading" }, this.author, this.time, this.notes);
  readonly said = h("div", { class: "said" }, this.heading);
  readonly element = h("li", {}, this.picture, this.said);
  private pictured = "";

  /** card shows who the author is. */
  constructor(
    private readonly media: Media,
    card: () => void,
  ) {
    this.author.addEventListener("click", card);
  }

  update(about: Heading): void {
    this.element.className = ["post", about.kind, about.isHead ? "head" : "tail", ...(about.isMine ? ["mine"] : [])].join(" ");
    // Under one heading the name is repeated for those who do not see the grouping.
    this.heading.classList.toggle("unseen", !about.isHead);
    this.author.disabled = !about.isHead;
    setText(this.author, about.name);
    this.time.dateTime = new Date(about.at).toISOString();
    this.time.title = momentOf(about.at);
    setText(this.time, timeOf(about.at));
    const picture = JSON.stringify([this.media.portrait(about.id), about.name, about.isHead]);
    if (picture !== this.pictured) {
      this.pictured = picture;
      this.picture.replaceChildren(about.isHead ? portrait(about.id, about.name, this.media) : avatar(about.id, about.name, "none", null));
    }
    if (this.notes.textContent !== about.notes.join("")) {
      this.notes.replaceChildren(...about.notes.map((note) => h("span", { class: "note" }, note)));
    }
  }
}

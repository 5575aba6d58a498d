import type { Desk } from "../desk.ts";
import type { Draft } from "../outbox.ts";
import type { Entry } from "../timeline.ts";
import { avatar } from "./avatar.ts";
import { bodyOf, plain } from "./body.ts";
import { momentOf, timeOf } from "./clock.ts";
import { h, setText } from "./dom.ts";

/** The frame that everything said stands in: who, when, and what. */
class Frame {
  private readonly picture = h("span", { class: "picture" });
  private readonly author = h("span", { class: "author" });
  private readonly time = h("time");
  private readonly notes = h("span", { class: "notes" });
  private readonly heading = h("div", { class: "heading" }, this.author, this.time, this.notes);
  readonly said = h("div", { class: "said" }, this.heading);
  readonly element = h("li", {}, this.picture, this.said);
  private pictured = "";

  update(about: { id: string; name: string; at: number; isHead: boolean; isMine: boolean; kind: string }, notes: readonly string[]): void {
    this.element.className = ["post", about.kind, about.isHead ? "head" : "tail", ...(about.isMine ? ["mine"] : [])].join(" ");
    // Under one heading the name is repeated for those who do not see the grouping.
    this.heading.classList.toggle("unseen", !about.isHead);
    setText(this.author, about.name);
    this.time.dateTime = new Date(about.at).toISOString();
    this.time.title = momentOf(about.at);
    setText(this.time, timeOf(about.at));
    const picture = JSON.stringify([about.id, about.name, about.isHead]);
    if (picture !== this.pictured) {
      this.pictured = picture;
      this.picture.replaceChildren(avatar(about.id, about.name, about.isHead ? "round" : "none"));
    }
    if (this.notes.textContent !== notes.join("")) this.notes.replaceChildren(...notes.map((note) => h("span", { class: "note" }, note)));
  }
}

/** One post. Its element stays for as long as it is shown, so what has the focus keeps it. */
export class PostRow {
  private readonly frame = new Frame();
  private drawn = "";
  private body: HTMLElement = h("div");
  readonly element = this.frame.element;

  constructor(private readonly desk: Desk) {
    this.frame.said.append(this.body);
  }

  update(entry: Entry, isHead: boolean): void {
    const { post } = entry;
    const notes: string[] = [];
    if (entry.edited) notes.push("edited");
    if (post.to.length > 0) notes.push(`only for ${post.to.join(", ")}`);
    // What an application tells: "uni:graded" reads "graded".
    if (post.type !== "Create") notes.push(post.type.slice(post.type.indexOf(":") + 1));
    this.frame.update(
      { id: post.actor, name: post.actorName, at: post.published, isHead: isHead || notes.length > 0, isMine: post.actor === this.desk.me.id, kind: "post" },
      notes,
    );
    this.element.dataset["seq"] = `${post.seq}`;
    this.element.dataset["id"] = post.id;
    const from = JSON.stringify([entry.content, entry.html, entry.removed]);
    if (from === this.drawn) return;
    this.drawn = from;
    const body = bodyOf(entry);
    this.body.replaceWith(body);
    this.body = body;
  }
}

/** A message of ours that is on its way. */
export class DraftRow {
  private readonly frame = new Frame();
  private readonly fate = h("div", { class: "fate" });
  private drawn = "";
  readonly element = this.frame.element;

  constructor(
    private readonly desk: Desk,
    draft: Draft,
  ) {
    this.frame.said.append(plain(draft.content, []), this.fate);
  }

  update(draft: Draft, isHead: boolean): void {
    const { me } = this.desk;
    this.frame.update({ id: me.id, name: me.name, at: draft.at, isHead, isMine: true, kind: draft.fate }, []);
    const from = draft.fate + draft.detail;
    if (from === this.drawn) return;
    this.drawn = from;
    if (draft.fate !== "refused") {
      this.fate.removeAttribute("role");
      this.fate.replaceChildren(draft.fate === "pending" ? "Sending…" : "Sent");
      return;
    }
    this.fate.setAttribute("role", "alert");
    const button = (words: string, click: () => void) => h("button", { class: "quiet", attrs: { type: "button" }, on: { click } }, words);
    this.fate.replaceChildren(
      h("span", {}, `Not sent: ${draft.detail}`),
      button("Try again", () => this.desk.writeAgain(draft.key)),
      button("Discard", () => this.desk.outbox.drop(draft.key)),
    );
  }
}

import type { Desk } from "../desk.ts";
import type { Draft } from "../outbox.ts";
import { plain } from "./body.ts";
import { h } from "./dom.ts";
import { Frame } from "./frame.ts";

/** A message of ours that is on its way. */
export class DraftRow {
  private readonly frame: Frame;
  private readonly fate = h("div", { class: "fate" });
  private drawn = "";
  readonly element: HTMLLIElement;

  constructor(
    private readonly desk: Desk,
    draft: Draft,
  ) {
    this.frame = new Frame(desk.media, () => {});
    this.element = this.frame.element;
    const files = draft.files.length;
    this.frame.said.append(plain(draft.content, []), ...(files === 0 ? [] : [h("p", { class: "muted" }, files === 1 ? "One file" : `${files} files`)]), this.fate);
  }

  update(draft: Draft, isHead: boolean): void {
    const { me } = this.desk;
    this.frame.update({ id: me.id, name: me.name, at: draft.at, isHead, isMine: true, kind: draft.fate, notes: [] });
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

import { h } from "./dom.ts";

/** The text of a post of one's own, to be changed in its place. */
export class Editor {
  private readonly text: HTMLTextAreaElement;
  readonly element: HTMLElement;

  /** done gets the new text, or null where it is given up. */
  constructor(content: string, done: (content: string | null) => Promise<void>) {
    this.text = h("textarea", { attrs: { "aria-label": "Edit message", rows: `${Math.min(8, content.split("\n").length)}` } });
    this.text.value = content;
    const save = async () => {
      const edited = this.text.value.trim();
      if (edited !== "") await done(edited);
    };
    const button = (words: string, kind: string, click: () => void) => h("button", { class: kind, attrs: { type: "button" }, on: { click } }, words);
    this.element = h(
      "div",
      { class: "editor" },
      this.text,
      button("Cancel", "quiet", () => void done(null)),
      button("Save", "primary", () => void save()),
    );
    this.text.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") void done(null);
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      void save();
    });
  }

  focus(): void {
    this.text.focus();
  }
}

import type { Place } from "../place.ts";
import { h, setText } from "./dom.ts";

/** What the server takes as the text of one message. */
const maxContent = 16 * 1024; // bytes of UTF-8

/** Where one writes. write returns whether the message was taken. */
export class Composer {
  private readonly text = h("textarea", {
    attrs: { id: "message", rows: "1", enterkeyhint: "send", autocomplete: "off" },
    on: { input: () => this.changed(), keydown: (event) => this.key(event as KeyboardEvent) },
  });
  private readonly label = h("label", { class: "unseen", attrs: { for: "message" } });
  private readonly trouble = h("p", { class: "trouble", attrs: { role: "alert" } });
  private readonly button = h("button", { class: "primary", attrs: { type: "submit" } }, "Send");
  readonly element = h(
    "form",
    { class: "composer", on: { submit: (event) => this.submit(event) } },
    this.label,
    this.text,
    this.button,
    this.trouble,
  );
  /** What was begun in other places, so that a glance elsewhere loses nothing. */
  private readonly begun = new Map<string, string>();
  private place: Place = "";
  private isMarkdown = false;

  constructor(private readonly write: (content: string, isMarkdown: boolean) => boolean) {
    this.changed();
  }

  update(place: Place, name: string): void {
    setText(this.label, `Message to ${name}`);
    this.text.placeholder = `Message to ${name}`;
    if (place === this.place) return;
    if (this.text.value === "") this.begun.delete(this.place);
    else this.begun.set(this.place, this.text.value);
    this.place = place;
    this.text.value = this.begun.get(place) ?? "";
    this.changed();
  }

  focus(): void {
    this.text.focus();
  }

  private key(event: KeyboardEvent): void {
    // While a composition is open, Enter chooses a character.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    this.submit(event);
  }

  private submit(event: Event): void {
    event.preventDefault();
    const content = wellFormed(this.text.value.trim());
    if (content === "" || tooLong(content)) return;
    if (!this.write(content, this.isMarkdown)) return;
    this.text.value = "";
    this.changed();
    this.text.focus();
  }

  private changed(): void {
    const content = this.text.value.trim();
    const isTooLong = tooLong(content);
    setText(this.trouble, isTooLong ? "This is too long for one message (16 KiB)." : "");
    this.trouble.hidden = !isTooLong;
    this.button.disabled = content === "" || isTooLong;
    // As many lines as there are, up to what the style sheet allows.
    this.text.rows = Math.min(8, this.text.value.split("\n").length);
  }
}

function tooLong(content: string): boolean {
  return content.length > maxContent / 3 && new TextEncoder().encode(content).length > maxContent;
}

/** Half a surrogate pair, which some keyboards leave behind, is no UTF-8. */
function wellFormed(content: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(content));
}

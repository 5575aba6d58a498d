import type { Post } from "../post.ts";
import type { Send } from "../upload.ts";
import { h, setText } from "./dom.ts";
import { Tray } from "./tray.ts";

/** What the server takes as the text of one message. */
const maxContent = 16 * 1024; // bytes of UTF-8

export interface Written {
  readonly content: string;
  readonly isMarkdown: boolean;
  /** The id of what it answers; empty for none. */
  readonly inReplyTo: string;
  /** Ids of files. */
  readonly files: readonly string[];
}

interface Options {
  /** Unique in the page. */
  readonly id: string;
  readonly button: string;
  /** Uploads files. */
  readonly send: Send;
  /** Returns whether it was taken. */
  write(written: Written): boolean;
  /** Something was typed. */
  typed?(): void;
}

/** Where one writes: into a place, or into a thread. */
export class Composer {
  private readonly text: HTMLTextAreaElement;
  private readonly label: HTMLLabelElement;
  private readonly trouble = h("p", { class: "trouble", attrs: { role: "alert" } });
  private readonly button: HTMLButtonElement;
  private readonly markdown = h(
    "button",
    {
      class: "toggle",
      attrs: { type: "button", "aria-pressed": "false", title: "Write Markdown: *emphasis*, `code`, lists" },
      on: { click: () => this.turnMarkdown() },
    },
    h("span", { attrs: { "aria-hidden": "true" } }, "M↓"),
    h("span", { class: "unseen" }, "Markdown"),
  );
  private tray: Tray;
  /** The files that were chosen elsewhere. */
  private readonly trays = new Map<string, Tray>();
  private readonly answered = h("span");
  private readonly answering = h(
    "div",
    { class: "answering" },
    this.answered,
    h("button", { class: "quiet", attrs: { type: "button", "aria-label": "Answer nobody" }, on: { click: () => this.answer(null) } }, "×"),
  );
  readonly element: HTMLFormElement;
  /** What was begun elsewhere, so that a glance away loses nothing. */
  private readonly begun = new Map<string, string>();
  private to = "";
  private replyTo: Post | null = null;
  private isMarkdown = false;

  constructor(private readonly options: Options) {
    const { id } = options;
    this.text = h("textarea", {
      attrs: { id, rows: "1", enterkeyhint: "send", autocomplete: "off" },
      on: { input: () => this.typed(), keydown: (event) => this.key(event as KeyboardEvent), paste: (event) => this.paste(event as ClipboardEvent) },
    });
    this.label = h("label", { class: "unseen", attrs: { for: id } });
    this.tray = this.newTray();
    this.button = h("button", { class: "primary", attrs: { type: "submit" } }, options.button);
    this.element = h(
      "form",
      { class: "composer", on: { submit: (event) => this.submit(event) } },
      this.answering,
      this.label,
      this.text,
      this.tray.button,
      this.markdown,
      this.button,
      this.tray.element,
      this.trouble,
    );
    dropInto(this.element, (files) => this.attach(files));
    this.answer(null, false);
    this.changed();
  }

  /** to tells what belongs together, words is what one is asked for. */
  update(to: string, words: string): void {
    setText(this.label, words);
    this.text.placeholder = words;
    if (to === this.to) return;
    if (this.text.value === "") this.begun.delete(this.to);
    else this.begun.set(this.to, this.text.value);
    if (this.tray.uploads.list.length === 0) this.trays.delete(this.to);
    else this.trays.set(this.to, this.tray);
    this.to = to;
    this.swap(this.trays.get(to) ?? this.newTray());
    this.text.value = this.begun.get(to) ?? "";
    this.answer(null, false);
    this.changed();
  }

  /** What is written next answers this. */
  answer(post: Post | null, focuses = true): void {
    this.replyTo = post;
    this.answering.hidden = post === null;
    setText(this.answered, post === null ? "" : `Answering ${post.actorName}: ${post.content.slice(0, 120)}`);
    if (focuses) this.focus();
  }

  focus(): void {
    this.text.focus();
  }

  private newTray(): Tray {
    return new Tray(this.options.send, () => this.changed());
  }

  private swap(tray: Tray): void {
    this.tray.element.replaceWith(tray.element);
    this.tray.button.replaceWith(tray.button);
    this.tray = tray;
  }

  /** Uploads files, to go with what is written. */
  attach(files: Iterable<File>): void {
    if (this.element.hidden) return;
    this.tray.add(files);
    this.focus();
  }

  private paste(event: ClipboardEvent): void {
    const files = event.clipboardData?.files;
    // Whoever copies from a text processor has a picture of it there, too.
    if (files === undefined || files.length === 0 || event.clipboardData?.types.includes("text/plain") === true) return;
    event.preventDefault();
    this.attach(files);
  }

  private turnMarkdown(): void {
    this.isMarkdown = !this.isMarkdown;
    this.markdown.setAttribute("aria-pressed", `${this.isMarkdown}`);
    this.focus();
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.replyTo !== null) {
      this.answer(null);
      return;
    }
    // While a composition is open, Enter chooses a character.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    this.submit(event);
  }

  private submit(event: Event): void {
    event.preventDefault();
    const content = wellFormed(this.text.value.trim());
    const { uploads } = this.tray;
    const files = uploads.files.map((file) => file.id);
    if ((content === "" && files.length === 0) || tooLong(content) || uploads.isBusy) return;
    if (!this.options.write({ content, isMarkdown: this.isMarkdown, inReplyTo: this.replyTo?.id ?? "", files })) return;
    this.text.value = "";
    this.tray.clear();
    this.answer(null);
    this.changed();
  }

  private typed(): void {
    this.changed();
    if (this.text.value !== "") this.options.typed?.();
  }

  private changed(): void {
    const content = this.text.value.trim();
    const isTooLong = tooLong(content);
    setText(this.trouble, isTooLong ? "This is too long for one message (16 KiB)." : "");
    this.trouble.hidden = !isTooLong;
    const { uploads } = this.tray;
    this.button.disabled = (content === "" && uploads.files.length === 0) || isTooLong || uploads.isBusy;
    // As many lines as there are, up to what the style sheet allows.
    this.text.rows = Math.min(8, this.text.value.split("\n").length);
  }
}

/** Takes files that are dropped onto an element; nothing inside of it that takes them itself. */
export function dropInto(element: HTMLElement, take: (files: FileList) => void): void {
  const isFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;
  element.addEventListener("dragover", (event) => {
    if (!isFiles(event)) return;
    event.preventDefault(); // else the browser opens what is dropped
    event.stopPropagation();
    element.classList.add("dropping");
  });
  element.addEventListener("dragleave", () => element.classList.remove("dropping"));
  element.addEventListener("drop", (event) => {
    element.classList.remove("dropping");
    const files = event.dataTransfer?.files;
    if (!isFiles(event) || files === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    take(files);
  });
}

function tooLong(content: string): boolean {
  return content.length > maxContent / 3 && new TextEncoder().encode(content).length > maxContent;
}

/** Half a surrogate pair, which some keyboards leave behind, is no UTF-8. */
function wellFormed(content: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(content));
}

import { maxFiles, sizeWords } from "../file.ts";
import type { Send, Upload } from "../upload.ts";
import { Uploads } from "../upload.ts";
import { arrange, h, setText } from "./dom.ts";

/** The files that are to go with what is being written: how far they are, and how to take one away. */
export class Tray {
  private readonly list = h("ul", { class: "tray", attrs: { "aria-label": "Files to send" } });
  private readonly told = h("p", { class: "trouble", attrs: { role: "alert" } });
  private readonly input: HTMLInputElement;
  private readonly rows = new Map<Upload, Row>();
  readonly uploads: Uploads;
  readonly button: HTMLButtonElement;
  readonly element = h("div", { class: "files-to-send" }, this.list, this.told);

  constructor(send: Send, changed: () => void) {
    this.uploads = new Uploads(send, () => {
      this.draw();
      changed();
    });
    // Out of sight, as browsers draw it each in their own way; the button stands for it.
    this.input = h("input", { attrs: { type: "file", multiple: "", hidden: "" }, on: { change: () => this.chosen() } });
    this.button = h(
      "button",
      { class: "toggle", attrs: { type: "button", title: "Add files" }, on: { click: () => this.input.click() } },
      h("span", { attrs: { "aria-hidden": "true" } }, "+"),
      h("span", { class: "unseen" }, "Add files"),
    );
    this.element.append(this.input);
    this.draw();
  }

  add(files: Iterable<File>): void {
    let left = maxFiles - this.uploads.list.length;
    setText(this.told, "");
    for (const file of files) {
      if (left-- <= 0) {
        setText(this.told, `One message takes at most ${maxFiles} files.`);
        break;
      }
      this.uploads.add(file);
    }
    this.draw();
  }

  clear(): void {
    setText(this.told, "");
    this.uploads.clear();
  }

  private chosen(): void {
    this.add(this.input.files ?? []);
    this.input.value = ""; // so that the same file can be chosen again
  }

  private draw(): void {
    const rows = this.uploads.list.map((upload) => {
      const row = this.rows.get(upload) ?? new Row(upload, () => this.drop(upload));
      this.rows.set(upload, row);
      row.update();
      return row.element;
    });
    for (const upload of this.rows.keys()) if (!this.uploads.list.includes(upload)) this.rows.delete(upload);
    arrange(this.list, rows);
    this.list.hidden = rows.length === 0;
    this.told.hidden = this.told.textContent === "";
    this.element.hidden = rows.length === 0 && this.told.hidden;
  }

  private drop(upload: Upload): void {
    this.uploads.drop(upload);
    this.button.focus();
  }
}

class Row {
  private readonly bar = h("progress", { attrs: { max: "1" } });
  private readonly state = h("span", { class: "state", attrs: { role: "status" } });
  private readonly button: HTMLButtonElement;
  readonly element: HTMLLIElement;

  constructor(
    private readonly upload: Upload,
    drop: () => void,
  ) {
    this.bar.setAttribute("aria-label", `Upload of ${upload.name}`);
    this.button = h("button", { class: "quiet", attrs: { type: "button", title: "Take away" }, on: { click: drop } }, "×");
    this.element = h("li", {}, h("span", { class: "file-name" }, upload.name), this.bar, this.state, this.button);
  }

  update(): void {
    const { upload } = this;
    const isDone = upload.file !== null;
    const isRunning = !isDone && upload.problem === "";
    this.bar.value = upload.part;
    this.bar.hidden = !isRunning;
    this.element.classList.toggle("failed", upload.problem !== "");
    setText(this.state, upload.problem || (isDone ? sizeWords(upload.size) : ""));
    this.button.setAttribute("aria-label", `${isRunning ? "Cancel the upload of" : "Take away"} ${upload.name}`);
  }
}

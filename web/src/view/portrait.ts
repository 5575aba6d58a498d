import { kindOf, restPath } from "../place.ts";
import { sentenceOf } from "../problem.ts";
import type { Me, Room } from "../room.ts";
import { ask } from "./dialog.ts";
import { h, setText } from "./dom.ts";
import type { Host } from "./host.ts";

/** Whose picture it is: a person, a context or a group, below /v1. */
export interface Sitter {
  readonly path: string;
  /** The picture is another one now. */
  changed(): void;
}

/** Where one chooses a picture of somebody, or takes it away. */
export function portraitChooser(host: Host, sitter: Sitter): HTMLElement {
  const said = h("p", { class: "muted", attrs: { role: "status" } });
  const bar = h("progress", { attrs: { max: "1", "aria-label": "Upload of the picture", hidden: "" } });
  const input = h("input", { attrs: { type: "file", accept: "image/jpeg,image/png,image/gif,image/webp", hidden: "" } });
  const choose = h("button", { class: "quiet", attrs: { type: "button" }, on: { click: () => input.click() } }, "Change picture…");
  const remove = h("button", { class: "quiet", attrs: { type: "button" } }, "Remove picture");
  const attempt = async (action: () => Promise<unknown>, done: string) => {
    choose.disabled = remove.disabled = true;
    try {
      await action();
      sitter.changed();
      setText(said, done);
    } catch (err) {
      setText(said, sentenceOf(err));
    }
    bar.hidden = true;
    choose.disabled = remove.disabled = false;
    choose.focus();
  };
  const path = `${sitter.path}/avatar`;
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file === undefined) return;
    const form = new FormData();
    form.append("file", file, file.name);
    bar.value = 0;
    bar.hidden = false;
    input.value = "";
    void attempt(() => host.desk.send("PUT", path, form, (part) => (bar.value = part), AbortSignal.timeout(120_000)), "This is the picture now.");
  });
  remove.addEventListener("click", () => void attempt(() => host.desk.deeds.removePicture(path), "There is no picture any more."));
  return h("div", { class: "chooser" }, h("div", { class: "turns" }, choose, remove), bar, said, input);
}

/** Whether one decides on the picture of a room. */
export function mayChoosePicture(me: Me, room: Room): boolean {
  if (kindOf(room.place) === "conv") return room.isGroup && room.owner === me.id;
  return room.owner === me.id || me.roles.includes("manager");
}

export async function choosePicture(host: Host, room: Room): Promise<void> {
  const sitter = { path: restPath(room.place), changed: () => host.desk.refresh(0) };
  await ask(`Picture of ${room.name}`, [portraitChooser(host, sitter)], { value: "", words: "Close" });
}

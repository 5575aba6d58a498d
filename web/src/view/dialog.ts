import { h } from "./dom.ts";

/** Asks before something that cannot simply be undone. */
export function confirmed(question: string, detail: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { attrs: { "aria-labelledby": "question" } },
      h("h2", { attrs: { id: "question" } }, question),
      h("p", {}, detail),
      h(
        "div",
        { class: "choices" },
        h("button", { class: "quiet", attrs: { type: "button" }, on: { click: () => dialog.close("no") } }, "Stay"),
        h("button", { class: "primary", attrs: { type: "button" }, on: { click: () => dialog.close("yes") } }, yes),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

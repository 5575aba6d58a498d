import { h } from "./dom.ts";

let count = 0;

/**
 * Opens a dialog with a title, its content and buttons; the one that was chosen
 * is what it resolves to, empty for none of them (Escape).
 */
export function ask(title: string, content: readonly Node[], ...choices: readonly { readonly value: string; readonly words: string }[]): Promise<string> {
  return new Promise((resolve) => {
    const id = `dialog-${++count}`;
    const last = choices.at(-1);
    const buttons = choices.map((choice) =>
      h("button", { class: choice === last ? "primary" : "quiet", attrs: { type: "submit", value: choice.value, ...(choice.value === "" ? { formnovalidate: "" } : {}) } }, choice.words),
    );
    const form = h("form", { attrs: { method: "dialog" } }, ...content, h("div", { class: "choices" }, ...buttons));
    const dialog = h("dialog", { attrs: { "aria-labelledby": id } }, h("h2", { attrs: { id } }, title), form);
    // Enter in a field means the last choice, not the first button of the form.
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement) || last === undefined) return;
      event.preventDefault();
      const button = buttons.at(-1);
      if (button?.disabled !== true) form.requestSubmit(button);
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Asks before something that cannot simply be undone. */
export async function confirmed(question: string, detail: string, yes: string, no: string): Promise<boolean> {
  return (await ask(question, [h("p", {}, detail)], { value: "", words: no }, { value: "yes", words: yes })) === "yes";
}

/** Asks for one line of text; null where it is given up. */
export async function asked(title: string, label: string, value: string, yes: string): Promise<string | null> {
  const input = h("input", { attrs: { value, maxlength: "100", autocomplete: "off" } });
  const choice = await ask(title, [h("label", { class: "field" }, label, input)], { value: "", words: "Cancel" }, { value: "yes", words: yes });
  return choice === "yes" ? input.value.trim() : null;
}

import { h } from "./dom.ts";

export interface Choice {
  readonly words: string;
  /** For what is either on or off. */
  readonly isOn?: boolean;
  choose(): void;
}

/** A button that opens a menu. What there is to choose is asked for when it opens. */
export function menuButton(label: string, sign: string, choices: () => readonly Choice[]): HTMLButtonElement {
  const button = h("button", { class: "act", attrs: { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label, title: label } }, sign);
  button.addEventListener("click", () => open(button, label, choices()));
  return button;
}

function open(button: HTMLButtonElement, label: string, choices: readonly Choice[]): void {
  const items = choices.map((choice) =>
    h(
      "button",
      {
        attrs: {
          type: "button",
          role: choice.isOn === undefined ? "menuitem" : "menuitemcheckbox",
          tabindex: "-1",
          ...(choice.isOn === undefined ? {} : { "aria-checked": `${choice.isOn}` }),
        },
        on: {
          click: () => {
            close();
            choice.choose();
          },
        },
      },
      choice.words,
    ),
  );
  // In the top layer nothing cuts it off, and a click elsewhere closes it.
  const menu = h("div", { class: "menu", attrs: { role: "menu", "aria-label": label, popover: "auto" } }, ...items);
  const close = () => menu.hidePopover();
  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Tab" || event.key === "Escape") {
      event.preventDefault();
      close();
    }
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    const next = step === Infinity ? items.length - 1 : step === -Infinity ? 0 : (at + step + items.length) % items.length;
    items[next]?.focus();
  });
  menu.addEventListener("toggle", (event) => {
    if ((event as ToggleEvent).newState !== "closed") return;
    button.setAttribute("aria-expanded", "false");
    const holdsFocus = menu.contains(document.activeElement) || document.activeElement === document.body;
    menu.remove();
    if (holdsFocus) button.focus();
  });
  // Where it belongs to, for those who go by landmarks.
  button.after(menu);
  menu.showPopover();
  place(menu, button);
  button.setAttribute("aria-expanded", "true");
  items[0]?.focus();
}

/** Below the button where there is room, else above it; never beyond the window. */
function place(menu: HTMLElement, button: HTMLElement): void {
  const at = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const below = at.bottom + 4;
  menu.style.top = `${below + height <= window.innerHeight ? below : Math.max(4, at.top - height - 4)}px`;
  menu.style.left = `${Math.max(4, Math.min(at.right - width, window.innerWidth - width - 4))}px`;
}

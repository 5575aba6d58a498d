import { h } from "./dom.ts";

const tones = 8;

/** The first letter of a name, in a colour that is the same wherever the page is read. */
export function avatar(id: string, name: string, form: "round" | "square" | "none" = "round"): HTMLElement {
  const classes = form === "none" ? "avatar none" : `avatar ${form} tone-${toneOf(id)}`;
  return h("span", { class: classes, attrs: { "aria-hidden": "true" } }, form === "none" ? "" : initialOf(name));
}

function toneOf(id: string): number {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return sum % tones;
}

function initialOf(name: string): string {
  return ([...name.trim()][0] ?? "?").toUpperCase();
}

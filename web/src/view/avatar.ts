import type { Media } from "../media.ts";
import { h } from "./dom.ts";

const tones = 8;

/** Where the picture of somebody is, below /v1. */
export interface Picture {
  readonly media: Media;
  readonly path: string;
}

/** How often a picture that did not come is asked for again. */
const mostTries = 3;

/**
 * The first letter of a name, in a colour that is the same wherever the page is read,
 * and over it the picture, where there is one.
 */
export function avatar(id: string, name: string, form: "round" | "square" | "none", picture: Picture | null): HTMLElement {
  if (form === "none") return h("span", { class: "avatar none", attrs: { "aria-hidden": "true" } });
  const element = h("span", { class: `avatar ${form} tone-${toneOf(id)}`, attrs: { "aria-hidden": "true" } }, initialOf(name));
  if (picture === null) return element;
  const image = h("img", { attrs: { alt: "", loading: "lazy", decoding: "async" } });
  let tries = 0;
  image.addEventListener("error", () => {
    // The letter is there meanwhile. A server that is busy, or has had too many questions, has it a little later.
    image.remove();
    if (++tries > mostTries) return;
    setTimeout(() => {
      if (!element.isConnected) return;
      element.append(image);
      picture.media.show(image, picture.path);
    }, tries * 1500);
  });
  picture.media.show(image, picture.path);
  element.append(image);
  return element;
}

/** The avatar of a person. */
export function portrait(id: string, name: string, media: Media): HTMLElement {
  return avatar(id, name, "round", { media, path: media.portrait(id) });
}

function toneOf(id: string): number {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return sum % tones;
}

function initialOf(name: string): string {
  return ([...name.trim()][0] ?? "?").toUpperCase();
}

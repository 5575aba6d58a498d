import { isPicture, sizeWords, type Attachment } from "../file.ts";
import type { Media } from "../media.ts";
import { h } from "./dom.ts";

/** The longer side of a picture in a post, in CSS pixels; the style sheet says the same. */
const shownSide = 320;

/** What is asked for: enough for a screen of two dots to the pixel. */
const askedSide = 640;

/** The files of a post: pictures as such, all else by name. */
export function filesOf(files: readonly Attachment[], media: Media): HTMLElement {
  return h("ul", { class: "files" }, ...files.map((file) => h("li", {}, isPicture(file) ? picture(file, media) : link(file, media))));
}

function picture(file: Attachment, media: Media): HTMLElement {
  const scale = Math.min(1, shownSide / Math.max(file.width, file.height));
  const image = h("img", {
    attrs: {
      alt: file.name,
      loading: "lazy",
      decoding: "async",
      // So that nothing moves when it has come.
      width: `${Math.max(1, Math.round(file.width * scale))}`,
      height: `${Math.max(1, Math.round(file.height * scale))}`,
    },
  });
  media.show(image, `/attachments/${file.id}/thumbnail?size=${askedSide}`);
  return opening(h("a", { class: "picture-file", attrs: { title: `${file.name}, ${sizeWords(file.size)}` } }, image), file, media);
}

function link(file: Attachment, media: Media): HTMLElement {
  const words = [h("span", { class: "file-name" }, file.name), " ", h("span", { class: "muted" }, sizeWords(file.size))];
  return opening(h("a", { class: "file" }, ...words), file, media);
}

/** The token in the address may be old when somebody comes to it: it is looked at before it is followed. */
function opening(anchor: HTMLAnchorElement, file: Attachment, media: Media): HTMLAnchorElement {
  const path = `/attachments/${file.id}`;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer";
  media.show(anchor, path);
  for (const name of ["pointerdown", "focus"]) anchor.addEventListener(name, () => media.show(anchor, path));
  return anchor;
}

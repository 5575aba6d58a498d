import { segments } from "../link.ts";
import { addressOf, placeOf } from "../place.ts";
import type { Media } from "../media.ts";
import type { Mention, Post } from "../post.ts";
import type { Entry } from "../timeline.ts";
import { h } from "./dom.ts";
import { filesOf } from "./files.ts";
import { markup } from "./markup.ts";

const outside = { target: "_blank", rel: "noopener noreferrer nofollow" };

/** What a post says, as it is shown. */
export function bodyOf(entry: Entry, media: Media): HTMLElement {
  if (entry.removed) return h("p", { class: "body gone" }, "This message was removed.");
  const { files } = entry.post;
  if (files.length === 0) return saidOf(entry);
  const isSaid = entry.content !== "" || entry.post.about !== null;
  return h("div", {}, ...(isSaid ? [saidOf(entry)] : []), filesOf(files, media));
}

function saidOf(entry: Entry): HTMLElement {
  const said = entry.html === "" ? plain(entry.content, entry.mentions) : h("div", { class: "body rich", attrs: { dir: "auto" } }, markup(entry.html, (words) => named(words, entry.mentions)));
  const { about } = entry.post;
  if (about === null) return said;
  const name = about.name || about.url;
  const isAddress = /^https?:\/\//.test(about.url);
  const thing = h("p", { class: "thing" }, isAddress ? h("a", { attrs: { href: about.url, ...outside } }, name) : name);
  return entry.content === "" ? thing : h("div", {}, said, thing);
}

/** What a share shares, as its author said it. */
export function shareOf(shared: Post, media: Media): HTMLElement {
  const entry = { post: shared, content: shared.content, html: shared.html, mentions: shared.mentions, edited: false, removed: shared.objectType === "Tombstone" };
  return h("blockquote", { class: "share" }, h("p", { class: "author" }, shared.actorName), bodyOf(entry, media));
}

/** A plain text, in which addresses are links and those who are named stand out. */
export function plain(content: string, mentions: readonly Mention[]): HTMLElement {
  const parts = segments(content).flatMap((segment) =>
    segment.href === "" ? named(segment.text, mentions) : [h("a", { attrs: { href: segment.href, ...outside } }, segment.text)],
  );
  return h("p", { class: "body", attrs: { dir: "auto" } }, ...parts);
}

function named(words: string, mentions: readonly Mention[]): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let from = 0;
  while (from < words.length) {
    let at = words.length;
    let found: Mention | null = null;
    for (const mention of mentions) {
      const next = whole(words, mention.name, from);
      // Of two that begin here, such as @ann and @anna, the longer one is meant.
      if (next >= 0 && (next < at || (next === at && mention.name.length > (found?.name.length ?? 0)))) {
        at = next;
        found = mention;
      }
    }
    if (at > from) parts.push(words.slice(from, at));
    if (found === null) break;
    parts.push(found.person === "" ? tagged(found.name) : h("a", { class: "mention", attrs: { href: addressOf(placeOf("user", found.person)) } }, found.name));
    from = at + found.name.length;
  }
  return parts;
}

/** A tag leads to what else has it: the page around hears "find". */
function tagged(name: string): HTMLElement {
  return h("button", { class: "tag", attrs: { type: "button" }, on: { click: (event) => event.target?.dispatchEvent(new CustomEvent("find", { bubbles: true, detail: name })) } }, name);
}

/** Where the name stands by itself: @ann is not in @anna. */
function whole(words: string, name: string, from: number): number {
  for (let at = words.indexOf(name, from); at >= 0; at = words.indexOf(name, at + 1)) {
    if (!/^[\p{L}\p{N}_-]/u.test(words.slice(at + name.length))) return at;
  }
  return -1;
}

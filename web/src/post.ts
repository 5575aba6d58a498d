// A post is one entry of a stream, as history and live delivery both hold it. What arrives is foreign input: parse checks what the page relies on
// and drops the rest, and an entry that fails the check is not a post.

import { parseAttachments, type Attachment } from "./file.ts";
import { placeOf, type Place } from "./place.ts";

/** Whom a text names, and as what: "@bob" is the person bob; or a tag such as "#exam", which is nobody. */
export interface Mention {
  readonly name: string;
  /** Empty for a tag. */
  readonly person: string;
}

export interface Post {
  readonly id: string;
  /** Position in the stream, from 1. Unique per stream. */
  readonly seq: number;
  readonly type: string;
  readonly actor: string;
  readonly actorName: string;
  readonly objectType: string;
  /** For a Create its own id, for an Update or Delete the id of the Create it is about. */
  readonly objectID: string;
  /** The text as it was written. */
  readonly content: string;
  /** What the server made of a Markdown text; empty where it was plain. */
  readonly html: string;
  readonly mentions: readonly Mention[];
  readonly files: readonly Attachment[];
  /** The id of the post or comment that it answers; empty for none. */
  readonly inReplyTo: string;
  /** For what an application tells, or a share: what it is about. */
  readonly about: Thing | null;
  readonly place: Place;
  /** It stands in a thread, not in the place itself. */
  readonly isComment: boolean;
  /** What the place is called, where the post tells. */
  readonly placeName: string;
  /** Milliseconds since 1970. */
  readonly published: number;
  /** Milliseconds since 1970; 0 where the post was never edited. */
  readonly updated: number;
  /** The author's idempotency key; empty where the server tells none. */
  readonly key: string;
  /** Names of those a private post is for; empty for everybody. */
  readonly to: readonly string[];
}

/** Something that a post is about, beside its text. */
export interface Thing {
  readonly type: string;
  readonly name: string;
  readonly url: string;
}

export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function instant(value: unknown): number {
  const at = Date.parse(text(value));
  return Number.isNaN(at) ? 0 : at;
}

/** Told as a bare id or as an object that has one. */
function idIn(value: unknown): string {
  return typeof value === "string" ? value : isFields(value) ? text(value["id"]) : "";
}

/** Reads one entry of a stream of the place; null where it is none. */
export function parsePost(value: unknown, place: Place, isComment = false): Post | null {
  if (!isFields(value)) return null;
  const seq = value["seq"];
  const id = text(value["id"]);
  const type = text(value["type"]);
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1 || id === "" || type === "") return null;
  const actor = isFields(value["actor"]) ? value["actor"] : {};
  const object = isFields(value["object"]) ? value["object"] : {};
  const to = Array.isArray(value["to"]) ? value["to"] : [];
  return {
    id,
    seq,
    type,
    actor: text(actor["id"]),
    actorName: text(actor["name"]) || text(actor["id"]),
    objectType: text(object["type"]),
    // The end of a like names the like's own object.
    objectID: text(object["id"]) || idIn(object["object"]) || id,
    // A share's object is what it shares; what is said with it stands beside that.
    content: text(object["content"]) || text(value["content"]),
    html: text(object["html"]) || text(value["html"]),
    mentions: parseMentions(object["tag"] ?? value["tag"]),
    files: parseAttachments(object["attachment"]),
    inReplyTo: text(object["inReplyTo"]),
    about: parseThing(object),
    place,
    isComment,
    placeName: placeName(value),
    published: instant(value["published"]),
    updated: instant(value["updated"]) || instant(object["updated"]),
    key: text(value["key"]),
    to: to.map(idIn).filter((name) => name !== ""),
  };
}

/** Reads one entry of a list of many places: the post itself tells of which. */
export function parsePlaced(value: unknown): Post | null {
  const place = isFields(value) ? placeOfPost(value) : "";
  return place === "" ? null : parsePost(value, place);
}

const kinds: Readonly<Record<string, "ctx" | "conv" | "user">> = { Context: "ctx", Conversation: "conv", Person: "user", Service: "user" };

/** Where an application names a target of its own, the place stands in context. */
function placed(post: Fields): Fields {
  if (isFields(post["context"])) return post["context"];
  return isFields(post["target"]) ? post["target"] : {};
}

function placeOfPost(post: Fields): Place {
  const kind = kinds[text(placed(post)["type"])];
  const id = text(placed(post)["id"]);
  return kind === undefined || id === "" ? "" : placeOf(kind, id);
}

function placeName(post: Fields): string {
  return text(placed(post)["name"]) || text(placed(post)["id"]);
}

function parseThing(object: Fields): Thing | null {
  const thing = { type: text(object["type"]), name: text(object["name"]), url: text(object["url"]) };
  return thing.name === "" && thing.url === "" ? null : thing;
}

function parseMentions(tags: unknown): Mention[] {
  if (!Array.isArray(tags)) return [];
  const mentions: Mention[] = [];
  for (const tag of tags) {
    if (!isFields(tag)) continue;
    const name = text(tag["name"]);
    if (text(tag["type"]) === "Hashtag" && name.startsWith("#")) mentions.push({ name, person: "" });
    if (text(tag["type"]) !== "Mention") continue;
    const person = text(tag["id"]) || text(tag["href"]).split("/").pop() || name.replace(/^@/, "");
    if (name !== "" && person !== "") mentions.push({ name, person });
  }
  return mentions;
}

/** The posts among the items of a list, in the list's order. */
export function parsePosts(items: unknown, place: Place, isComment = false): Post[] {
  if (!Array.isArray(items)) return [];
  return items.map((item) => parsePost(item, place, isComment)).filter((post) => post !== null);
}

/**
 * Where something is posted, named as its topics begin: /ctx/lobby is a
 * context, /conv/0190… a conversation, /user/bob that person's wall.
 */
export type Place = string;

export type PlaceKind = "ctx" | "conv" | "user";

const form = /^\/(ctx|conv|user)\/([^/+#\s]+)$/;

const collections = { ctx: "contexts", conv: "conversations", user: "people" } as const;

export function placeOf(kind: PlaceKind, id: string): Place {
  return `/${kind}/${id}`;
}

/** The kind of a place that this page has named itself or has checked. */
export function kindOf(place: Place): PlaceKind {
  const kind = form.exec(place)?.[1];
  return kind === "conv" || kind === "user" ? kind : "ctx";
}

export function idOf(place: Place): string {
  return place.slice(place.lastIndexOf("/") + 1);
}

/** The stream of what is said there. */
export function streamTopic(place: Place): string {
  return `${place}/${streamWord(place)}`;
}

export function streamWord(place: Place): string {
  return kindOf(place) === "user" ? "posts" : "messages";
}

/** The path of the place in the REST interface. */
export function restPath(place: Place): string {
  return `/${collections[kindOf(place)]}/${encodeURIComponent(idOf(place))}`;
}

/** The path of its living posts, as they read now and with what was said about them. */
export function postsPath(place: Place): string {
  return `${restPath(place)}/${kindOf(place) === "conv" ? "messages" : "activities"}`;
}

/** What flows there while one looks at it, beside the stream. */
export function sideTopics(place: Place): string[] {
  const words = {
    ctx: ["comments", "reactions", "typing", "presence", "receipts/+"],
    conv: ["reactions", "typing", "receipts/+"],
    user: ["comments", "reactions", "presence"],
  };
  return words[kindOf(place)].map((word) => `${place}/${word}`);
}

export interface Topic {
  readonly place: Place;
  /** What flows there: messages, reactions, typing, … */
  readonly word: string;
  /** The level behind the word; empty for none. */
  readonly rest: string;
}

/** Reads the name of a topic; null for one that belongs to no place. */
export function parseTopic(topic: string): Topic | null {
  const [, kind, id, word, ...rest] = topic.split("/");
  const place = `/${kind}/${id}`;
  if (!form.test(place) || word === undefined || word === "") return null;
  return { place, word, rest: rest.join("/") };
}

/** No place, and shown like one: what is new in all that one belongs to and follows. */
export const everything = "/me/timeline";

/** The place that the page's address names; null for none. */
export function addressed(hash: string): Place | null {
  if (!hash.startsWith("#/")) return null;
  try {
    const place = decodeURIComponent(hash.slice(1));
    return form.test(place) || place === everything ? place : null;
  } catch {
    return null; // Not an address of ours.
  }
}

/** Places have addresses, so that the browser's back and bookmarks work. */
export function addressOf(place: Place): string {
  return `#${place}`;
}

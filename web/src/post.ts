// A post is one entry of a context's stream, as history and live delivery both
// hold it. What arrives is foreign input: parse checks what the page relies on
// and drops the rest, and an entry that fails the check is not a post.

export interface Post {
  readonly id: string;
  /** Position in the stream, from 1. Unique per context. */
  readonly seq: number;
  readonly type: string;
  readonly actor: string;
  readonly actorName: string;
  readonly objectType: string;
  /** For a Create its own id, for an Update or Delete the id of the Create it is about. */
  readonly objectID: string;
  readonly content: string;
  readonly context: string;
  /** Milliseconds since 1970. */
  readonly published: number;
  /** Milliseconds since 1970; 0 where the post was never edited. */
  readonly updated: number;
  /** The author's idempotency key; empty where the server tells none. */
  readonly key: string;
  /** Names of those a private post is for; empty for everybody. */
  readonly to: readonly string[];
}

type Fields = Record<string, unknown>;

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

/** A person is told as a bare name or as an object with an id. */
function personID(value: unknown): string {
  return typeof value === "string" ? value : isFields(value) ? text(value["id"]) : "";
}

/** Reads one entry of the stream of context; null where it is none. */
export function parsePost(value: unknown, context: string): Post | null {
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
    objectID: text(object["id"]) || id,
    content: text(object["content"]) || text(object["name"]),
    context,
    published: instant(value["published"]),
    updated: instant(value["updated"]) || instant(object["updated"]),
    key: text(value["key"]),
    to: to.map(personID).filter((name) => name !== ""),
  };
}

/** The posts among the items of a list, in the list's order. */
export function parsePosts(items: unknown, context: string): Post[] {
  if (!Array.isArray(items)) return [];
  return items.map((item) => parsePost(item, context)).filter((post) => post !== null);
}

import type { Post } from "../src/post.ts";

const start = Date.parse("2026-11-20T12:00:00Z");

export interface Wire {
  seq: number;
  id?: string;
  type?: string;
  actor?: string;
  content?: string;
  object?: string;
  objectType?: string;
  updated?: number;
  key?: string;
  context?: string;
}

/** A post as the server writes it. */
export function wire(of: Wire): Record<string, unknown> {
  const id = of.id ?? `id-${of.seq}`;
  const actor = of.actor ?? "bob";
  return {
    id,
    seq: of.seq,
    type: of.type ?? "Create",
    actor: { type: "Person", id: actor, name: actor[0]?.toUpperCase() + actor.slice(1) },
    object: { type: of.objectType ?? "Note", id: of.object ?? id, content: of.content ?? `text ${of.seq}` },
    target: { type: "Context", id: of.context ?? "lobby" },
    published: new Date(start + of.seq * 1000).toISOString(),
    ...(of.updated === undefined ? {} : { updated: new Date(start + of.updated * 1000).toISOString() }),
    ...(of.key === undefined ? {} : { key: of.key }),
  };
}

/** The same, as the page holds it. updated counts in the seqs' seconds, like published. */
export function post(of: Wire): Post {
  const actor = of.actor ?? "bob";
  const id = of.id ?? `id-${of.seq}`;
  return {
    id,
    seq: of.seq,
    type: of.type ?? "Create",
    actor,
    actorName: actor,
    objectType: of.objectType ?? "Note",
    objectID: of.object ?? id,
    content: of.content ?? `text ${of.seq}`,
    html: "",
    mentions: [],
    files: [],
    inReplyTo: "",
    about: null,
    place: "/ctx/lobby",
    isComment: false,
    placeName: "lobby",
    published: start + of.seq * 1000,
    updated: of.updated === undefined ? 0 : start + of.updated * 1000,
    key: of.key ?? "",
    to: [],
  };
}

/** Storage of a tab, without a browser. */
export function memory(): Pick<Storage, "getItem" | "setItem" | "removeItem"> & { readonly items: Map<string, string> } {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

/** Waits for what other promises have to do first. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

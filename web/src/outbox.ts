import type { Place } from "./place.ts";
import { isFields, text } from "./post.ts";

/**
 * pending: not acknowledged yet, goes out again after a reconnect.
 * stored:  acknowledged, its post has not been read back yet.
 * refused: the server has said why it did not take it.
 */
export type Fate = "pending" | "stored" | "refused";

export interface Draft {
  /** Makes a repeat harmless: the server stores one post per key. */
  readonly key: string;
  readonly place: Place;
  /** The activity of which this is a comment; empty for what is said in the place itself. */
  readonly thread: string;
  /** The id of the post or comment that it answers; empty for none. */
  readonly inReplyTo: string;
  readonly isMarkdown: boolean;
  readonly content: string;
  /** Ids of the files that hang on it. */
  readonly files: readonly string[];
  /** Milliseconds since 1970, when it was written. */
  readonly at: number;
  readonly fate: Fate;
  /** Why it was refused; empty otherwise. */
  readonly detail: string;
}

/** What a person writes, before it is on its way. */
export type Text = Pick<Draft, "place" | "thread" | "inReplyTo" | "isMarkdown" | "content" | "files">;

/** How many unsent messages are held; beyond it add refuses. */
export const capacity = 100;

/**
 * Servers remember a key for seven days. What lay here longer must not be sent
 * without being asked: it might be stored a second time.
 */
const memory = 6 * 24 * 3600 * 1000; // ms

type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/**
 * The messages of one person that are written and not seen in a stream yet. It
 * outlives a reload of the page (sessionStorage), so that a message written
 * while disconnected is sent once, whatever happens to the tab's page.
 */
export class Outbox {
  private drafts: Draft[] = [];
  private readonly place: string;

  constructor(
    private readonly store: Store,
    person: string,
    private readonly changed: () => void,
    private readonly now: () => number = Date.now,
  ) {
    this.place = `rambla.outbox.${person}`;
    this.drafts = this.read();
  }

  /** Returns null when it is full. */
  add(text: Text): Draft | null {
    if (this.drafts.filter((draft) => draft.fate !== "stored").length >= capacity) return null;
    const draft: Draft = { ...text, key: newKey(), at: this.now(), fate: "pending", detail: "" };
    this.update([...this.drafts, draft]);
    return draft;
  }

  /** What has to be sent (again), in the order in which it was written. */
  pending(): Draft[] {
    return this.drafts.filter((draft) => draft.fate === "pending");
  }

  /** What is on its way into the place itself, or into one of its threads. */
  of(place: Place, thread = ""): Draft[] {
    return this.drafts.filter((draft) => draft.place === place && draft.thread === thread);
  }

  /** An acknowledgement. A 3.1.1 server acknowledges refused messages too, after telling why. */
  acknowledge(key: string): void {
    this.change(key, (draft) => (draft.fate === "pending" ? { ...draft, fate: "stored" } : draft));
  }

  /** Returns whether the key is one of ours. */
  refuse(key: string, detail: string): boolean {
    if (!this.drafts.some((draft) => draft.key === key)) return false;
    this.change(key, (draft) => ({ ...draft, fate: "refused", detail }));
    return true;
  }

  /** Sends a refused one again, under the same key. */
  retry(key: string): Draft | null {
    this.change(key, (draft) => ({ ...draft, at: this.now(), fate: "pending", detail: "" }));
    return this.drafts.find((draft) => draft.key === key) ?? null;
  }

  /** The posts with these keys have been read back, or the writer has given them up. */
  drop(...keys: string[]): void {
    const rest = this.drafts.filter((draft) => !keys.includes(draft.key));
    if (rest.length < this.drafts.length) this.update(rest);
  }

  /** Leaves nothing behind in the browser. */
  clear(): void {
    this.update([]);
  }

  private change(key: string, how: (draft: Draft) => Draft): void {
    this.update(this.drafts.map((draft) => (draft.key === key ? how(draft) : draft)));
  }

  private update(drafts: Draft[]): void {
    // Somebody who may write and not read never sees a post come back.
    const stored = drafts.filter((draft) => draft.fate === "stored");
    const forgotten = new Set(stored.slice(0, Math.max(0, stored.length - capacity)));
    this.drafts = drafts.filter((draft) => !forgotten.has(draft));
    // What is acknowledged is on the server: a reload need not remember it.
    const kept = drafts.filter((draft) => draft.fate !== "stored");
    if (kept.length === 0) this.store.removeItem(this.place);
    else this.store.setItem(this.place, JSON.stringify(kept));
    this.changed();
  }

  private read(): Draft[] {
    let saved: unknown = null;
    try {
      saved = JSON.parse(this.store.getItem(this.place) ?? "[]");
    } catch {
      // Not ours any more; an empty outbox takes its place.
    }
    if (!Array.isArray(saved)) return [];
    const drafts: Draft[] = [];
    for (const item of saved.slice(0, capacity)) {
      if (!isFields(item)) continue;
      const { at, fate } = item;
      if (typeof at !== "number" || (fate !== "pending" && fate !== "refused")) continue;
      const isStale = this.now() - at > memory;
      drafts.push({
        key: isStale ? newKey() : text(item["key"]),
        place: text(item["place"]),
        thread: text(item["thread"]),
        inReplyTo: text(item["inReplyTo"]),
        isMarkdown: item["isMarkdown"] === true,
        content: text(item["content"]),
        files: (Array.isArray(item["files"]) ? item["files"] : []).map(text).filter((id) => id !== ""),
        at,
        fate: isStale ? "refused" : fate,
        detail: isStale ? "This was written days ago and has not been sent." : text(item["detail"]),
      });
    }
    return drafts;
  }
}

// crypto.randomUUID exists on secure origins only, and a first look at a server
// is often over plain http.
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

import { placeOf, type Place } from "./place.ts";
import { isFields, parsePlaced, text } from "./post.ts";
import { sentenceOf } from "./problem.ts";
import type { Reader } from "./rest.ts";

export const kinds = ["activities", "comments", "messages", "people", "contexts"] as const;

export type Kind = (typeof kinds)[number];

/** A piece of what was found, and whether it is what was asked for. */
export interface Run {
  readonly text: string;
  readonly isMark: boolean;
}

/** Something that was found. */
export interface Found {
  /** Who wrote it, or what it is called. */
  readonly title: string;
  /** Where it is. */
  readonly place: Place;
  readonly placeName: string;
  /** Of a post or message its id; empty for a person or context, and for a comment, which stands in a thread. */
  readonly post: string;
  /** Where in its place it stands; 0 where post is empty. */
  readonly seq: number;
  /** Milliseconds since 1970; 0 for what was never posted. */
  readonly at: number;
  readonly excerpt: readonly Run[];
}

/** How many pages without anything are asked for before the person is asked whether to go on. */
const emptyPages = 5;

/** What one looks for, and what was found so far. */
export class Search {
  found: readonly Found[] = [];
  isLooking = false;
  /** Why nothing more is known; empty for nothing. */
  obstacle = "";
  /** Something was asked and answered. */
  isAnswered = false;
  private query = "";
  private kind: Kind = "activities";
  private next = "";
  private turn = 0;

  constructor(
    private readonly rest: Reader,
    private readonly changed: () => void,
  ) {}

  get hasMore(): boolean {
    return this.next !== "";
  }

  async ask(query: string, kind: Kind): Promise<void> {
    this.query = query.trim();
    this.kind = kind;
    this.found = [];
    this.next = "";
    this.isAnswered = false;
    this.obstacle = "";
    this.turn++;
    this.isLooking = false;
    if (this.query === "") this.changed();
    else await this.look();
  }

  async more(): Promise<void> {
    if (this.hasMore && !this.isLooking) await this.look();
  }

  /** A page may be empty where there is a next one. An answer to a former question is dropped. */
  private async look(): Promise<void> {
    const { turn, kind } = this;
    this.isLooking = true;
    this.obstacle = "";
    this.changed();
    try {
      for (let empty = 0; empty < emptyPages; empty++) {
        const asked = new URLSearchParams({ q: this.query, type: kind, limit: "20", ...(this.next === "" ? {} : { cursor: this.next }) });
        const page = await this.rest.get(`/search?${asked}`);
        if (turn !== this.turn) return;
        const items = (Array.isArray(page["items"]) ? page["items"] : []).flatMap((item) => parseFound(item, kind) ?? []);
        this.found = [...this.found, ...items];
        this.next = text(page["next"]);
        if (items.length > 0 || this.next === "") break;
      }
      this.isAnswered = true;
    } catch (err) {
      if (turn !== this.turn) return;
      this.obstacle = sentenceOf(err);
    }
    this.isLooking = false;
    this.changed();
  }
}

function parseFound(item: unknown, kind: Kind): Found | null {
  if (!isFields(item)) return null;
  const excerpt = parseRuns(item["excerpt"]);
  if (kind === "people" || kind === "contexts") {
    const id = text(item[kind === "people" ? "name" : "id"]);
    if (id === "") return null;
    return { title: text(item["displayName"]) || id, place: placeOf(kind === "people" ? "user" : "ctx", id), placeName: id, post: "", seq: 0, at: 0, excerpt };
  }
  const post = parsePlaced(item);
  if (post === null) return null;
  const inStream = kind === "comments" ? { post: "", seq: 0 } : { post: post.id, seq: post.seq };
  return { title: post.actorName, place: post.place, placeName: post.placeName, ...inStream, at: post.published, excerpt };
}

function parseRuns(runs: unknown): Run[] {
  return (Array.isArray(runs) ? runs : []).filter(isFields).map((run) => ({ text: text(run["text"]), isMark: run["mark"] === true }));
}

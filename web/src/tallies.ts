import { postsPath, type Place } from "./place.ts";
import { isFields, parsePlaced, text, type Post } from "./post.ts";
import type { Reader } from "./rest.ts";

/** What was said about a post, as this person sees it. */
export interface Tally {
  readonly comments: number;
  readonly likes: number;
  readonly shares: number;
  readonly isLiked: boolean;
  readonly isFavorite: boolean;
  readonly isFlagged: boolean;
  /** Of a share: what it shares, where that may be read. */
  readonly shared: Post | null;
}

const none: Tally = { comments: 0, likes: 0, shares: 0, isLiked: false, isFavorite: false, isFlagged: false, shared: null };

/** Many readers hear of a like at once; they ask for the number one after the other. */
const breath = 400; // ms

/** Posts asked for at once. */
const pageSize = 200;

/** Pages read for one stretch of a timeline. */
const maxPages = 10;

/** Tallies held; beyond it those learned first go. */
const capacity = 4000;

/**
 * The numbers beside posts. What comes live says only that they have changed:
 * they are asked for again, so that no order of events can make them wrong.
 */
export class Tallies {
  private readonly tallies = new Map<string, Tally>();
  private readonly stale = new Map<Place, { from: number; to: number }>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly rest: Reader,
    private readonly changed: () => void,
  ) {}

  of(id: string): Tally {
    return this.tallies.get(id) ?? none;
  }

  /** What this person has just done shows before the server has said so. */
  assume(id: string, change: Partial<Tally>): void {
    this.put(id, { ...this.of(id), ...change });
    this.changed();
  }

  /** Takes the numbers from a list that has them. */
  take(items: unknown): void {
    for (const item of Array.isArray(items) ? items : []) {
      if (!isFields(item) || typeof item["likes"] !== "number") continue;
      const count = (value: unknown) => (typeof value === "number" ? value : 0);
      this.put(text(item["id"]), {
        comments: count(item["comments"]),
        likes: count(item["likes"]),
        shares: count(item["shares"]),
        isLiked: item["liked"] === true,
        isFavorite: item["favorited"] === true,
        isFlagged: item["flagged"] === true,
        shared: parsePlaced(item["shared"]),
      });
    }
  }

  /** The numbers of the posts of a stretch of a stream may have changed. */
  touch(place: Place, from: number, to = from): void {
    const known = this.stale.get(place);
    this.stale.set(place, { from: Math.min(from, known?.from ?? from), to: Math.max(to, known?.to ?? to) });
    this.timer ??= setTimeout(() => void this.refresh(), breath * (0.5 + Math.random()));
  }

  stop(): void {
    clearTimeout(this.timer);
    this.stale.clear();
  }

  /** Reads those of the posts from one seq to another. Throws a Problem. */
  async learn(place: Place, from: number, to: number): Promise<void> {
    let after = from - 1;
    for (let page = 0; page < maxPages && after < to; page++) {
      const limit = Math.min(pageSize, to - after);
      const list = await this.rest.get(`${postsPath(place)}?after=${after}&limit=${limit}`);
      this.take(list["items"]);
      const next = list["next"];
      if (typeof next !== "number" || next <= after) break;
      after = next;
    }
    this.changed();
  }

  private async refresh(): Promise<void> {
    const stale = [...this.stale];
    this.stale.clear();
    // A number that can't be read now is read with the next change or visit.
    await Promise.all(stale.map(([place, { from, to }]) => this.learn(place, from, to).catch(() => undefined)));
    this.timer = undefined;
    for (const [place, { from, to }] of this.stale) this.touch(place, from, to);
  }

  private put(id: string, tally: Tally): void {
    this.tallies.delete(id);
    this.tallies.set(id, tally);
    for (const first of this.tallies.keys()) {
      if (this.tallies.size <= capacity) break;
      this.tallies.delete(first);
    }
  }
}

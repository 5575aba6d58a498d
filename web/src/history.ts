import { restPath, streamWord, type Place } from "./place.ts";
import { parsePosts, text, type Post } from "./post.ts";
import type { Reader } from "./rest.ts";
import type { Timeline } from "./timeline.ts";

/** How much is read when a place is opened, and by each step into the past. */
export const pageSize = 50;

/** After a reconnect fewer, larger steps are better. */
const catchUpSize = 200;

interface Page {
  readonly posts: Post[];
  readonly more: boolean;
  /** False where the server could not give everything that was asked for. */
  readonly complete: boolean;
  readonly epoch: string;
}

async function page(rest: Reader, place: Place, query: string): Promise<Page> {
  const list = await rest.get(`${restPath(place)}/log/${streamWord(place)}?${query}`);
  // "epoch:seq"; the seq is already known from the posts.
  const position = text(list["position"]);
  return {
    posts: parsePosts(list["items"], place),
    more: list["next"] !== undefined && list["next"] !== null && list["next"] !== "",
    complete: list["complete"] !== false,
    epoch: position.includes(":") ? position.slice(0, position.lastIndexOf(":")) : "",
  };
}

/**
 * Merges everything from where the timeline stands to the end of the stream.
 * Returns the posts that were new here; none for a first page. Throws a
 * Problem; what had been merged until then is kept and counts.
 */
export async function catchUp(rest: Reader, timeline: Timeline): Promise<Post[]> {
  if (!timeline.loaded) {
    const newest = await page(rest, timeline.place, `limit=${pageSize}`);
    timeline.begin(newest.posts, newest.more);
    timeline.epoch = newest.epoch;
    return [];
  }
  const fresh: Post[] = [];
  for (;;) {
    const from = timeline.knownTo;
    const after = timeline.epoch === "" ? `${from}` : `${timeline.epoch}:${from}`;
    const step = await page(rest, timeline.place, `after=${encodeURIComponent(after)}&limit=${catchUpSize}`);
    if (!step.complete || (step.epoch !== "" && timeline.epoch !== "" && step.epoch !== timeline.epoch)) {
      // Another stream by the same name, or one that has lost its beginning:
      // what is shown can't be continued, only begun anew.
      timeline.reset();
      return catchUp(rest, timeline);
    }
    fresh.push(...timeline.follow(step.posts));
    timeline.epoch = step.epoch || timeline.epoch;
    if (!step.more || timeline.knownTo === from) return fresh;
  }
}

/** Merges one page of what was before the oldest post here. */
export async function readOlder(rest: Reader, timeline: Timeline): Promise<Post[]> {
  const older = await page(rest, timeline.place, `before=${timeline.before}&limit=${pageSize}`);
  timeline.prepend(older.posts, older.more && older.posts.length > 0);
  return older.posts;
}

/** How many pages are read to come to a post further back. */
const backPages = 5;

/** Merges all from a post on that lies further back; false where that is more than some pages. */
export async function readBack(rest: Reader, timeline: Timeline, seq: number): Promise<boolean> {
  if (timeline.before - seq > backPages * catchUpSize) return false;
  for (let step = 0; step < backPages && timeline.hasOlder && timeline.before > seq; step++) {
    const older = await page(rest, timeline.place, `before=${timeline.before}&limit=${catchUpSize}`);
    timeline.prepend(older.posts, older.more && older.posts.length > 0);
  }
  return timeline.before <= seq || !timeline.hasOlder;
}

/** A post by itself as it reads now; null where it is not there for the person. */
export async function readOne(rest: Reader, place: Place, seq: number): Promise<Post | null> {
  const { posts } = await page(rest, place, `after=${seq - 1}&limit=1`);
  return posts.find((post) => post.seq === seq) ?? null;
}

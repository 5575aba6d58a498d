import { Backoff } from "./backoff.ts";
import { catchUp, readBack, readOlder } from "./history.ts";
import { streamTopic, type Place } from "./place.ts";
import type { Post } from "./post.ts";
import { Problem, sentenceOf } from "./problem.ts";
import type { Reader } from "./rest.ts";
import { Timeline } from "./timeline.ts";

/** Timelines kept of places one has looked at; the longest unused goes first. */
const maxTimelines = 20;

/** Posts kept of a place that is not open. */
const restingSize = 200;

/** Posts kept of the open one; what is older is read again when asked for. */
const openSize = 2000;

/** How long is waited for a place to be read, in milliseconds. */
const patience = 5_000;

export interface ShelfEvents {
  /** Posts that were missed and have been read now. */
  caughtUp(posts: readonly Post[], timeline: Timeline): void;
  changed(): void;
  say(sentence: string): void;
}

/** The timelines of the places one has looked at, and the open one among them. */
export class Shelf {
  open: Timeline | null = null;
  /** A sentence about the open place (it cannot be read); empty for none. */
  obstacle = "";
  isReadingOlder = false;

  private readonly timelines = new Map<Place, Timeline>();
  /** Counts connections, so that an answer belongs to the one it was asked on. */
  private generation = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly backoff = new Backoff();
  /** Those who wait for a place to be read. */
  private readonly waiting = new Set<() => void>();

  /** follow subscribes, and tells whether that is in force. */
  constructor(
    private readonly rest: Reader,
    private readonly follow: (filter: string) => Promise<boolean>,
    private readonly events: ShelfEvents,
  ) {}

  show(place: Place | null): void {
    this.close();
    this.obstacle = "";
    if (place === null) return;
    const timeline = this.timelines.get(place) ?? new Timeline(place);
    // Set again so that the order of the map is the order of use.
    this.timelines.delete(place);
    this.timelines.set(place, timeline);
    this.open = timeline;
    for (const known of this.timelines.keys()) {
      if (this.timelines.size <= maxTimelines) break;
      this.timelines.delete(known);
    }
    void this.sync();
  }

  /** A live post. Returns whether it is new here. */
  deliver(post: Post): boolean {
    const timeline = this.timelines.get(post.place);
    const isNew = timeline?.deliver(post) ?? true;
    timeline?.trim(timeline === this.open ? openSize : restingSize);
    return isNew;
  }

  /** The connection is gone: posts may be missing from here on. */
  lost(): void {
    this.generation++;
    for (const timeline of this.timelines.values()) timeline.unsettle();
  }

  stop(): void {
    clearTimeout(this.retry);
    this.generation++;
  }

  /** Reads the open place anew from where it stands: what one may see has changed. */
  again(): void {
    this.open?.unsettle();
    void this.sync();
  }

  async older(): Promise<void> {
    const timeline = this.open;
    if (timeline === null || this.isReadingOlder || !timeline.hasOlder) return;
    this.isReadingOlder = true;
    this.events.changed();
    try {
      await readOlder(this.rest, timeline);
      this.events.caughtUp([], timeline);
    } catch (err) {
      this.events.say(sentenceOf(err));
    }
    this.isReadingOlder = false;
    this.events.changed();
  }

  /**
   * Reads back to a post of a place that is open or about to be. False where it is too
   * far back, or the place does not come.
   */
  async reach(place: Place, seq: number): Promise<boolean> {
    const timeline = await this.read(place);
    if (timeline === null) return false;
    const isReached = await readBack(this.rest, timeline, seq);
    this.events.caughtUp([], timeline);
    return isReached;
  }

  /** The timeline of a place as soon as it is open and read; null where that takes too long. */
  private read(place: Place): Promise<Timeline | null> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.open?.place === place && this.open.loaded) stop(this.open);
      };
      const stop = (timeline: Timeline | null): void => {
        clearTimeout(over);
        this.waiting.delete(look);
        resolve(timeline);
      };
      const over = setTimeout(() => stop(null), patience);
      this.waiting.add(look);
      look();
    });
  }

  /**
   * Brings the open timeline up to the head of its stream and keeps it there:
   * first the subscription, then the pages, so that no post falls in between.
   */
  async sync(): Promise<void> {
    clearTimeout(this.retry);
    const timeline = this.open;
    if (timeline === null || timeline.isSettled) return;
    const generation = this.generation;
    const isPresent = () => this.open === timeline && this.generation === generation;
    try {
      // Members are covered by the wildcard. Asking for the place by its name
      // too costs nothing, and reads a public one that has not been joined.
      const isLive = await this.follow(streamTopic(timeline.place));
      const fresh = await catchUp(this.rest, timeline);
      timeline.trim(openSize);
      this.obstacle = "";
      this.backoff.reset();
      if (isLive && isPresent()) timeline.settle();
      this.events.caughtUp(fresh, timeline);
    } catch (err) {
      if (!isPresent()) return;
      if (err instanceof Problem && err.isPassing) {
        this.retry = setTimeout(() => void this.sync(), this.backoff.next());
      }
      this.obstacle = sentenceOf(err);
    }
    for (const look of this.waiting) look();
    this.events.changed();
  }

  private close(): void {
    clearTimeout(this.retry);
    const timeline = this.open;
    if (timeline === null) return;
    this.open = null;
    // Nobody watches whether what still feeds it (a member's wildcard) goes on
    // without a break, so coming back begins with a catch-up from here.
    timeline.unsettle();
    timeline.trim(restingSize);
  }
}

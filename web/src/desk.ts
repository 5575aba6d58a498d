import { Backoff } from "./backoff.ts";
import { contextOfTopic, listContexts, messagesTopic, type Context } from "./context.ts";
import { catchUp, readOlder } from "./history.ts";
import type { Live, LiveEvents, LiveState } from "./live.ts";
import type { Draft, Outbox } from "./outbox.ts";
import { parsePost, type Post } from "./post.ts";
import { Problem, sentenceOf } from "./problem.ts";
import { parseRefusal } from "./refusal.ts";
import type { Rest } from "./rest.ts";
import { Timeline } from "./timeline.ts";

/** Timelines kept for contexts one has looked at; the longest unused goes first. */
const maxTimelines = 20;

/** Posts kept of a context that is not open. */
const restingSize = 200;

/** Posts kept of the open one; what is older is read again when asked for. */
const openSize = 2000;

/** How often the list of contexts is read again for the asking, at most. */
const listAge = 15_000; // ms

/** What the desk needs of the connection. */
export type Line = Pick<Live, "start" | "stop" | "follow" | "unfollow" | "publish">;

/** Long enough to be read twice. */
const noticeTime = 12_000; // ms

export interface Person {
  readonly id: string;
  readonly name: string;
}

/** What the views are told; they read the rest off the desk. */
export interface DeskEvents {
  changed(): void;
  /** New posts of others in the open context. */
  heard(posts: readonly Post[]): void;
}

/**
 * All that one signed-in person has before them: the contexts, the open one's
 * timeline, the messages under way and the connection. The views show it and
 * call its methods; it knows nothing of them.
 */
export class Desk implements LiveEvents {
  contexts: readonly Context[] = [];
  /** The contexts have been read at least once. */
  isListed = false;
  open: Timeline | null = null;
  /** Posts by others since the page was opened, by context. */
  readonly unread = new Map<string, number>();
  connection: LiveState = { is: "connecting" };
  /** A sentence about the open context (it cannot be read); empty for none. */
  obstacle = "";
  /** A sentence about what was just tried; empty for none. */
  notice = "";
  isReadingOlder = false;

  private readonly timelines = new Map<string, Timeline>();
  private live!: Line;
  /** Counts connections, so that an answer belongs to the one it was asked on. */
  private generation = 0;
  private listedAt = 0;
  private listing: Promise<void> | null = null;
  private listEnd: ReturnType<typeof setTimeout> | undefined;
  private noticeEnd: ReturnType<typeof setTimeout> | undefined;
  private syncRetry: ReturnType<typeof setTimeout> | undefined;
  private readonly syncBackoff = new Backoff();

  constructor(
    readonly me: Person,
    private readonly rest: Pick<Rest, "get" | "put" | "delete">,
    readonly outbox: Outbox,
    private readonly events: DeskEvents,
  ) {}

  start(live: Line): void {
    this.live = live;
    void live.follow("/ctx/+/messages");
    void live.follow(`/user/${this.me.id}/errors`);
    live.start();
    void this.list();
  }

  stop(): void {
    clearTimeout(this.syncRetry);
    clearTimeout(this.noticeEnd);
    clearTimeout(this.listEnd);
    this.generation++;
    this.live.stop();
  }

  // The connection's events.

  state(state: LiveState): void {
    this.connection = state;
    if (state.is !== "online") {
      this.generation++;
      for (const timeline of this.timelines.values()) timeline.unsettle();
    }
    this.events.changed();
  }

  ready(): void {
    this.say("");
    // First what is ours: a message written while away waits no longer for a
    // long catch-up. Its key makes it one post, however often it is sent.
    for (const draft of this.outbox.pending()) this.publish(draft);
    void this.sync();
    void this.list();
  }

  message(topic: string, payload: string): void {
    const context = contextOfTopic(topic);
    if (context === "") {
      this.refusal(payload);
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(payload);
    } catch {
      return; // Not a post; the stream carries nothing else.
    }
    const post = parsePost(value, context);
    if (post === null) return;
    this.outbox.drop(post.key);
    const timeline = this.timelines.get(context);
    const isNew = timeline?.deliver(post) ?? true;
    if (isNew) this.count([post]);
    timeline?.trim(timeline === this.open ? openSize : restingSize);
    // Somebody has made us a member of it; the list tells its name.
    if (!this.contexts.some((known) => known.id === context)) this.refresh();
    this.events.changed();
  }

  acknowledged(key: string): void {
    this.outbox.acknowledge(key);
  }

  refused(filter: string): void {
    if (this.open !== null && filter === messagesTopic(this.open.context)) this.obstacle = "You may not read this.";
    this.events.changed();
  }

  // What the person does.

  /** Shows a context; null for none. */
  show(id: string | null): void {
    if (id === (this.open?.context ?? null)) return;
    this.close();
    this.say("");
    this.obstacle = "";
    if (id !== null) {
      const timeline = this.timelines.get(id) ?? new Timeline(id);
      // Set again so that the order of the map is the order of use.
      this.timelines.delete(id);
      this.timelines.set(id, timeline);
      this.open = timeline;
      this.unread.delete(id);
      this.discardTimelines();
      void this.sync();
    }
    this.events.changed();
  }

  get context(): Context | undefined {
    return this.contexts.find((context) => context.id === this.open?.context);
  }

  /** Returns false where too much is unsent already. */
  write(content: string): boolean {
    if (this.open === null) return false;
    const draft = this.outbox.add(this.open.context, content);
    if (draft === null) {
      this.say("Too many messages are waiting to be sent. Please wait for the connection.");
      return false;
    }
    this.publish(draft);
    return true;
  }

  writeAgain(key: string): void {
    const draft = this.outbox.retry(key);
    if (draft !== null) this.publish(draft);
    void this.list();
  }

  async older(): Promise<void> {
    const timeline = this.open;
    if (timeline === null || this.isReadingOlder || !timeline.hasOlder) return;
    this.isReadingOlder = true;
    this.events.changed();
    try {
      await readOlder(this.rest, timeline);
    } catch (err) {
      this.say(sentenceOf(err));
    }
    this.isReadingOlder = false;
    this.events.changed();
  }

  async join(id: string): Promise<void> {
    await this.attempt(() => this.rest.put(`/contexts/${encodeURIComponent(id)}/members/me`));
  }

  async leave(id: string): Promise<void> {
    await this.attempt(() => this.rest.delete(`/contexts/${encodeURIComponent(id)}/members/me`));
  }

  /** Reads the contexts again: now, or in a while if that was done just now. */
  refresh(): void {
    const wait = this.listedAt + listAge - Date.now();
    if (wait <= 0) void this.list();
    else this.listEnd ??= setTimeout(() => void this.list(), wait);
  }

  /** Tells something for a while; an empty sentence takes back what was told. */
  say(notice: string): void {
    clearTimeout(this.noticeEnd);
    this.notice = notice;
    if (notice !== "") this.noticeEnd = setTimeout(() => this.say(""), noticeTime);
    this.events.changed();
  }

  private async attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
      this.say("");
    } catch (err) {
      this.say(sentenceOf(err));
    }
    await this.list();
  }

  private publish(draft: Draft): void {
    const payload = JSON.stringify({ content: draft.content, key: draft.key });
    // Where it cannot be sent now it stays pending, and ready sends it.
    this.live.publish(messagesTopic(draft.context), payload, draft.key);
  }

  private refusal(payload: string): void {
    const refusal = parseRefusal(payload);
    if (refusal === null) return;
    if (!this.outbox.refuse(refusal.key, refusal.detail)) this.say(refusal.detail);
    // Most likely a right has changed, and with it what the page offers.
    void this.list();
  }

  private count(posts: readonly Post[]): void {
    const heard = posts.filter((post) => post.actor !== this.me.id && post.type !== "Update" && post.type !== "Delete");
    if (heard.length === 0) return;
    for (const post of heard) {
      if (post.context === this.open?.context) continue;
      this.unread.set(post.context, (this.unread.get(post.context) ?? 0) + 1);
    }
    const here = heard.filter((post) => post.context === this.open?.context);
    if (here.length > 0) this.events.heard(here);
  }

  private list(): Promise<void> {
    this.listing ??= this.readList().finally(() => (this.listing = null));
    return this.listing;
  }

  private async readList(): Promise<void> {
    this.listedAt = Date.now();
    clearTimeout(this.listEnd);
    this.listEnd = undefined;
    const wasMember = this.context?.isMember;
    try {
      this.contexts = await listContexts(this.rest);
      this.isListed = true;
      if (this.open !== null && wasMember !== undefined && this.context?.isMember !== wasMember) {
        // By whomever: what one may see has changed, and posts may have passed by.
        this.open.unsettle();
        void this.sync();
      }
    } catch (err) {
      // A later reconnect or visit reads it again; meanwhile the old list stands.
      if (!(err instanceof Problem) || !err.isPassing) this.say(sentenceOf(err));
    }
    this.events.changed();
  }

  /**
   * Brings the open timeline up to the head of its stream and keeps it there:
   * first the subscription, then the pages, so that no post falls in between.
   */
  private async sync(): Promise<void> {
    clearTimeout(this.syncRetry);
    const timeline = this.open;
    if (timeline === null || timeline.isSettled) return;
    const generation = this.generation;
    const isPresent = () => this.open === timeline && this.generation === generation;
    try {
      // Members are covered by the wildcard. Asking for the context by its name
      // too costs nothing, and reads a public one that has not been joined.
      const isLive = await this.live.follow(messagesTopic(timeline.context));
      const fresh = await catchUp(this.rest, timeline);
      timeline.trim(openSize);
      this.outbox.drop(...timeline.keys());
      this.obstacle = "";
      this.syncBackoff.reset();
      if (isLive && isPresent()) timeline.settle();
      this.count(fresh);
    } catch (err) {
      if (!isPresent()) return;
      if (err instanceof Problem && err.isPassing) {
        this.syncRetry = setTimeout(() => void this.sync(), this.syncBackoff.next());
      }
      this.obstacle = sentenceOf(err);
    }
    this.events.changed();
  }

  private close(): void {
    clearTimeout(this.syncRetry);
    const timeline = this.open;
    if (timeline === null) return;
    this.open = null;
    this.live.unfollow(messagesTopic(timeline.context));
    // Nobody watches whether what still feeds it (a member's wildcard) goes on
    // without a break, so coming back begins with a catch-up from here.
    timeline.unsettle();
    timeline.trim(restingSize);
  }

  private discardTimelines(): void {
    for (const id of this.timelines.keys()) {
      if (this.timelines.size <= maxTimelines) return;
      if (id !== this.open?.context) this.timelines.delete(id);
    }
  }
}

import type { Live, LiveEvents, LiveState } from "./live.ts";
import type { Draft, Outbox } from "./outbox.ts";
import { kindOf, parseTopic, restPath, streamTopic, streamWord, type Place } from "./place.ts";
import { isFields, parsePost, type Post } from "./post.ts";
import { Problem, sentenceOf } from "./problem.ts";
import { Receipts } from "./receipts.ts";
import { parseRefusal } from "./refusal.ts";
import type { Rest } from "./rest.ts";
import { listRooms, type Person, type Room } from "./room.ts";
import { Rooms, isNews } from "./rooms.ts";
import { Shelf } from "./shelf.ts";
import type { Timeline } from "./timeline.ts";

/** How often the list of rooms is read again for the asking, at most. */
const listAge = 15_000; // ms

/** The same, where a number on the page is known to be wrong. */
const staleAge = 1_000; // ms

/** What the desk needs of the connection. */
export type Line = Pick<Live, "start" | "stop" | "follow" | "unfollow" | "publish">;

/** Long enough to be read twice. */
const noticeTime = 12_000; // ms

/** What the views are told; they read the rest off the desk. */
export interface DeskEvents {
  changed(): void;
  /** New posts of others in the open place. */
  heard(posts: readonly Post[]): void;
}

/**
 * All that one signed-in person has before them: the rooms, the open one's
 * timeline, the messages under way and the connection. The views show it and
 * call its methods; it knows nothing of them.
 */
export class Desk implements LiveEvents {
  readonly rooms: Rooms;
  readonly shelf: Shelf;
  connection: LiveState = { is: "connecting" };
  /** A sentence about what was just tried; empty for none. */
  notice = "";

  private readonly receipts: Receipts;
  private live!: Line;
  private listedAt = 0;
  private listing: Promise<void> | null = null;
  private listEnd: ReturnType<typeof setTimeout> | undefined;
  private noticeEnd: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly me: Person,
    private readonly rest: Pick<Rest, "get" | "put" | "delete">,
    readonly outbox: Outbox,
    private readonly events: DeskEvents,
  ) {
    this.rooms = new Rooms(me.id);
    this.receipts = new Receipts((topic, payload, mark) => this.live.publish(topic, payload, mark));
    this.shelf = new Shelf(rest, (filter) => this.live.follow(filter), {
      caughtUp: (posts, timeline) => this.caughtUp(posts, timeline),
      changed: () => events.changed(),
      say: (sentence) => this.say(sentence),
    });
  }

  start(live: Line): void {
    this.live = live;
    void live.follow("/ctx/+/messages");
    void live.follow(`/ctx/+/receipts/${this.me.id}`);
    void live.follow(`/user/${this.me.id}/errors`);
    live.start();
    void this.list();
  }

  stop(): void {
    clearTimeout(this.noticeEnd);
    clearTimeout(this.listEnd);
    this.receipts.stop();
    this.shelf.stop();
    this.live.stop();
  }

  get open(): Timeline | null {
    return this.shelf.open;
  }

  get room(): Room | undefined {
    return this.open === null ? undefined : this.rooms.get(this.open.place);
  }

  // The connection's events.

  state(state: LiveState): void {
    this.connection = state;
    if (state.is !== "online") this.shelf.lost();
    this.events.changed();
  }

  ready(): void {
    this.say("");
    // First what is ours: a message written while away waits no longer for a
    // long catch-up. Its key makes it one post, however often it is sent.
    for (const draft of this.outbox.pending()) this.publish(draft);
    this.receipts.ready();
    void this.shelf.sync();
    void this.list();
  }

  message(topic: string, payload: string): void {
    const to = parseTopic(topic);
    let value: unknown;
    try {
      value = JSON.parse(payload);
    } catch {
      return; // Nothing that this page follows carries anything else.
    }
    if (to === null || !isFields(value)) return;
    if (to.word === "errors") this.refusal(payload);
    else if (to.word === "receipts" && to.rest === this.me.id) this.marked(to.place, value["read"]);
    else if (to.word === streamWord(to.place)) this.delivered(parsePost(value, to.place));
  }

  acknowledged(mark: string): void {
    this.outbox.acknowledge(mark);
    this.receipts.acknowledged(mark);
  }

  refused(filter: string): void {
    if (this.open !== null && filter === streamTopic(this.open.place)) this.shelf.obstacle = "You may not read this.";
    this.events.changed();
  }

  // What the person does.

  /** Shows a place; null for none. */
  show(place: Place | null): void {
    if (place === (this.open?.place ?? null)) return;
    if (this.open !== null) this.live.unfollow(streamTopic(this.open.place));
    this.say("");
    this.shelf.show(place);
    this.events.changed();
  }

  /** The end of the open place is before the person's eyes. */
  read(): void {
    const timeline = this.open;
    const room = this.room;
    if (timeline === null || room === undefined || !room.isMember || timeline.knownTo <= room.read) return;
    this.receipts.read(room.place, timeline.knownTo);
    if (this.rooms.read(room.place, timeline.knownTo)) this.refresh(staleAge);
    this.events.changed();
  }

  /** Returns false where too much is unsent already. */
  write(content: string, isMarkdown = false): boolean {
    if (this.open === null) return false;
    const draft = this.outbox.add({ place: this.open.place, thread: "", inReplyTo: "", isMarkdown, content });
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

  async join(place: Place): Promise<void> {
    await this.attempt(() => this.rest.put(`${restPath(place)}/members/me`));
  }

  async leave(place: Place): Promise<void> {
    await this.attempt(() => this.rest.delete(`${restPath(place)}/members/me`));
  }

  /** Reads the rooms again: now, or in a while if that was done just now. */
  refresh(age = listAge): void {
    const wait = this.listedAt + age - Date.now();
    if (wait <= 0 && this.listing === null) void this.list();
    else this.listEnd ??= setTimeout(() => void this.list(), Math.max(wait, staleAge));
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
    const fields = {
      content: draft.content,
      key: draft.key,
      ...(draft.inReplyTo === "" ? {} : { inReplyTo: draft.inReplyTo }),
      ...(draft.isMarkdown ? { format: "markdown" } : {}),
    };
    const topic = draft.thread === "" ? streamTopic(draft.place) : `${draft.place}/comments`;
    // Where it cannot be sent now it stays pending, and ready sends it.
    this.live.publish(topic, JSON.stringify(fields), draft.key);
  }

  private delivered(post: Post | null): void {
    if (post === null) return;
    this.outbox.drop(post.key);
    if (this.shelf.deliver(post)) this.hear([post]);
    // Somebody has made us a member of it; the list tells its name.
    if (this.rooms.hear(post)) this.refresh(this.rooms.get(post.place) === undefined ? listAge : staleAge);
    if (kindOf(post.place) === "conv") this.receipts.delivered(post.place, post.seq);
    this.events.changed();
  }

  private marked(place: Place, read: unknown): void {
    if (typeof read === "number" && this.rooms.read(place, read)) this.refresh(staleAge);
    this.events.changed();
  }

  private refusal(payload: string): void {
    const refusal = parseRefusal(payload);
    if (refusal === null) return;
    if (!this.outbox.refuse(refusal.key, refusal.detail)) this.say(refusal.detail);
    // Most likely a right has changed, and with it what the page offers.
    void this.list();
  }

  private caughtUp(posts: readonly Post[], timeline: Timeline): void {
    this.outbox.drop(...timeline.keys());
    for (const post of posts) this.rooms.hear(post);
    this.hear(posts);
  }

  private hear(posts: readonly Post[]): void {
    const here = posts.filter((post) => post.actor !== this.me.id && isNews(post) && post.place === this.open?.place);
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
    const wasMember = this.room?.isMember;
    try {
      this.rooms.replace(await listRooms(this.rest));
      // By whomever: what one may see has changed, and posts may have passed by.
      if (this.open !== null && wasMember !== undefined && this.room?.isMember !== wasMember) this.shelf.again();
    } catch (err) {
      // A later reconnect or visit reads it again; meanwhile the old list stands.
      if (!(err instanceof Problem) || !err.isPassing) this.say(sentenceOf(err));
    }
    this.events.changed();
  }
}

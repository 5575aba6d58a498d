import { Company } from "./company.ts";
import { Deeds } from "./deeds.ts";
import { Feed } from "./feed.ts";
import type { Live, LiveEvents, LiveState } from "./live.ts";
import type { Draft, Outbox, Text } from "./outbox.ts";
import { everything, kindOf, parseTopic, postsPath, sideTopics, streamTopic, streamWord, type Place } from "./place.ts";
import { isFields, parsePost, type Fields, type Post } from "./post.ts";
import { Media } from "./media.ts";
import { Problem, sentenceOf } from "./problem.ts";
import { Receipts } from "./receipts.ts";
import { parseRefusal } from "./refusal.ts";
import type { Doer, Reader } from "./rest.ts";
import { listRooms, type Me, type Room } from "./room.ts";
import { Rooms, isNews } from "./rooms.ts";
import { Shelf } from "./shelf.ts";
import { Tallies } from "./tallies.ts";
import { Threads } from "./threads.ts";
import type { Timeline } from "./timeline.ts";
import type { Send } from "./upload.ts";

/** How often the list of rooms is read again for the asking, at most. */
const listAge = 15_000; // ms

/** The same, where a number on the page is known to be wrong. */
const staleAge = 1_000; // ms

/** The same, where it could not be read. */
const failedAge = 3_000; // ms

/** How long two sums may differ before one of them is taken to be wrong. */
const doubtTime = 1_500; // ms

/** What the desk needs of the connection. */
export type Line = Pick<Live, "start" | "stop" | "follow" | "unfollow" | "publish" | "tell">;

/** Partners whose presence is asked for; a bound, not a limit one meets. */
const maxPartners = 100;

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
  readonly tallies: Tallies;
  readonly threads: Threads;
  readonly company: Company;
  readonly deeds: Deeds;
  readonly feed: Feed;
  /** For what asks the server by itself and keeps nothing here. */
  readonly reader: Reader;
  readonly media: Media;
  connection: LiveState = { is: "connecting" };
  /** A sentence about what was just tried; empty for none. */
  notice = "";

  private readonly receipts: Receipts;
  private live!: Line;
  private isStopped = false;
  private listedAt = 0;
  private listing: Promise<void> | null = null;
  private doubt: ReturnType<typeof setTimeout> | undefined;
  private listEnd: ReturnType<typeof setTimeout> | undefined;
  private noticeEnd: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly me: Me,
    private readonly rest: Doer,
    readonly outbox: Outbox,
    private readonly events: DeskEvents,
    /** For what takes a while: uploads. */
    readonly send: Send,
  ) {
    this.media = new Media(rest);
    const changed = () => events.changed();
    this.rooms = new Rooms(me.id);
    this.tallies = new Tallies(rest, changed);
    this.threads = new Threads(rest, changed);
    this.reader = rest;
    this.feed = new Feed(rest, this.tallies, changed);
    this.company = new Company(me.id, (topic, payload) => this.live.tell(topic, payload), changed);
    this.deeds = new Deeds(rest, this.tallies, { say: (sentence) => this.say(sentence), roomsChanged: () => this.list() });
    this.receipts = new Receipts((topic, payload, mark) => this.live.publish(topic, payload, mark));
    this.shelf = new Shelf(rest, (filter) => this.live.follow(filter), {
      caughtUp: (posts, timeline) => this.caughtUp(posts, timeline),
      changed,
      say: (sentence) => this.say(sentence),
    });
  }

  start(live: Line): void {
    this.live = live;
    const { id } = this.me;
    for (const kind of ["ctx", "conv"]) {
      void live.follow(`/${kind}/+/messages`);
      void live.follow(`/${kind}/+/receipts/${id}`);
      void live.follow(`/${kind}/+/events`);
    }
    void live.follow("/user/+/posts");
    void live.follow(`/user/${id}/posts`);
    void live.follow(`/user/${id}/counters`);
    void live.follow(`/user/${id}/errors`);
    live.start();
    void this.list();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.noticeEnd);
    clearTimeout(this.listEnd);
    clearTimeout(this.doubt);
    this.receipts.stop();
    this.tallies.stop();
    this.company.lost();
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
    if (state.is !== "online") {
      this.shelf.lost();
      this.company.lost();
    }
    this.events.changed();
  }

  ready(): void {
    this.say("");
    // First what is ours: a message written while away waits no longer for a
    // long catch-up. Its key makes it one post, however often it is sent.
    for (const draft of this.outbox.pending()) this.publish(draft);
    this.receipts.ready();
    void this.shelf.sync();
    this.threads.again();
    if (this.feed.isOpen) void this.feed.again();
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
    else if (to.word === streamWord(to.place)) this.delivered(parsePost(value, to.place));
    else if (to.word === "comments") this.commented(parsePost(value, to.place, true));
    else if (to.word === "reactions") this.reacted(parsePost(value, to.place));
    else if (to.word === "events") this.happened(parsePost(value, to.place));
    else if (to.word === "receipts" && to.rest === this.me.id) this.marked(to.place, value["read"]);
    else if (to.word === "counters") this.counted(value["total"]);
    else this.company.hear(to, value);
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

  /** Shows a place, or everything; null for none. */
  show(place: Place | null): void {
    if (place === (this.feed.isOpen ? everything : (this.open?.place ?? null))) return;
    if (this.open !== null) {
      this.live.unfollow(streamTopic(this.open.place));
      for (const topic of sideTopics(this.open.place)) this.live.unfollow(topic);
    }
    this.say("");
    this.threads.closeAll();
    this.feed.close();
    if (place === everything) {
      this.shelf.show(null);
      this.feed.open();
    } else {
      for (const topic of place === null ? [] : sideTopics(place)) void this.live.follow(topic);
      this.shelf.show(place);
    }
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
  write(text: Text): boolean {
    this.company.typed(text.place);
    const draft = this.outbox.add(text);
    if (draft === null) {
      this.say("Too many messages are waiting to be sent. Please wait for the connection.");
      return false;
    }
    this.publish(draft);
    return true;
  }

  /** Something was typed into the open place, and not sent yet. */
  typed(): void {
    if (this.open !== null && kindOf(this.open.place) !== "user") this.company.type(this.open.place);
  }

  writeAgain(key: string): void {
    const draft = this.outbox.retry(key);
    if (draft !== null) this.publish(draft);
    void this.list();
  }

  /** Reads the rooms again: now, or in a while if that was done just now. */
  refresh(age = listAge): void {
    const wait = this.listedAt + age - Date.now();
    if (wait <= 0 && this.listing === null) void this.list();
    else this.listEnd ??= setTimeout(() => void this.list(), Math.max(wait, staleAge));
  }

  /** Tells something for a while; an empty sentence takes back what was told. */
  /** Something that the page shows is not as it was. */
  redraw(): void {
    this.events.changed();
  }

  say(notice: string): void {
    clearTimeout(this.noticeEnd);
    this.notice = notice;
    if (notice !== "") this.noticeEnd = setTimeout(() => this.say(""), noticeTime);
    this.events.changed();
  }

  private publish(draft: Draft): void {
    const fields = {
      content: draft.content,
      ...(draft.inReplyTo === "" ? {} : { inReplyTo: draft.inReplyTo }),
      ...(draft.isMarkdown ? { format: "markdown" } : {}),
      ...(draft.files.length === 0 ? {} : { attachments: draft.files }),
    };
    if (kindOf(draft.place) === "user") {
      void this.post(draft, fields);
      return;
    }
    const topic = draft.thread === "" ? streamTopic(draft.place) : `${draft.place}/comments`;
    // Where it cannot be sent now it stays pending, and ready sends it.
    this.live.publish(topic, JSON.stringify({ ...fields, key: draft.key }), draft.key);
  }

  /** Walls take posts over REST alone. What can't be sent now is sent by ready, too. */
  private async post(draft: Draft, fields: Fields): Promise<void> {
    const path = draft.thread === "" ? postsPath("/user/me") : `/activities/${draft.thread}/comments`;
    try {
      await this.rest.post(path, fields, draft.key);
      this.outbox.acknowledge(draft.key);
    } catch (err) {
      if (!(err instanceof Problem) || !err.isPassing) this.outbox.refuse(draft.key, sentenceOf(err));
    }
  }

  private delivered(post: Post | null): void {
    if (post === null) return;
    this.outbox.drop(post.key);
    if (this.shelf.deliver(post)) this.hear([post]);
    // Somebody has made us a member of it; the list tells its name.
    if (this.rooms.hear(post)) this.refresh(staleAge);
    if (kindOf(post.place) === "conv") this.receipts.delivered(post.place, post.seq);
    this.company.spoke(post.place, post.actor);
    this.feed.deliver(post);
    // What it shares is told beside it, like the numbers.
    if (post.type === "Announce" && (this.feed.isOpen || post.place === this.open?.place)) this.tallies.touch(post.place, post.seq);
    this.events.changed();
  }

  private commented(post: Post | null): void {
    if (post === null) return;
    this.outbox.drop(post.key);
    this.touch(post.place, this.threads.deliver(post));
    this.events.changed();
  }

  private reacted(post: Post | null): void {
    if (post !== null) this.touch(post.place, post.objectID);
  }

  /** What became of a room. In contexts others come and go all the time, and the list does not tell who. */
  private happened(event: Post | null): void {
    if (event === null) return;
    const isAboutSomebodyElse = (event.type === "Join" || event.type === "Leave") && event.objectID !== this.me.id;
    if (kindOf(event.place) === "conv" || !isAboutSomebodyElse) this.refresh(staleAge);
  }

  /** The numbers beside a post have changed; beside which is not always known. */
  private touch(place: Place, id: string): void {
    const timeline = this.open;
    if (timeline === null || timeline.place !== place || !timeline.loaded) return;
    const seq = timeline.seqOf(id);
    if (seq !== 0) this.tallies.touch(place, seq);
    else this.tallies.touch(place, Math.max(1, timeline.before), timeline.knownTo);
  }

  /**
   * The server's own sum of what is unread. It may be ahead of a post that is on
   * its way, or behind a receipt; where it still differs a moment later, the list
   * is out of date.
   */
  private counted(total: unknown): void {
    clearTimeout(this.doubt);
    if (typeof total !== "number" || total === this.rooms.total) return;
    this.doubt = setTimeout(() => total !== this.rooms.total && this.refresh(staleAge), doubtTime);
  }

  private marked(place: Place, read: unknown): void {
    if (typeof read === "number" && this.rooms.read(place, read)) this.refresh(staleAge);
    this.events.changed();
  }

  private refusal(payload: string): void {
    const refusal = parseRefusal(payload);
    if (refusal === null) return;
    // Nobody is owed that they type, and nobody has to read that it was not told.
    if (refusal.topic.endsWith("/typing")) return;
    if (!this.outbox.refuse(refusal.key, refusal.detail)) this.say(refusal.detail);
    // Most likely a right has changed, and with it what the page offers.
    void this.list();
  }

  private caughtUp(posts: readonly Post[], timeline: Timeline): void {
    this.outbox.drop(...timeline.keys());
    // The log tells posts, their lists the numbers beside them.
    if (timeline.before > 0) this.tallies.touch(timeline.place, timeline.before, timeline.knownTo);
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
      this.rooms.replace(await listRooms(this.rest, this.me.id));
      this.followPartners();
      // By whomever: what one may see has changed, and posts may have passed by.
      if (this.open !== null && wasMember !== undefined && this.room?.isMember !== wasMember) this.shelf.again();
    } catch (err) {
      // Meanwhile the old list stands.
      if (!(err instanceof Problem) || !err.isPassing) this.say(sentenceOf(err));
      else if (!this.isStopped) this.refresh(failedAge);
    }
    this.events.changed();
  }

  /** Whether those whom one talks with are there. */
  private followPartners(): void {
    const partners = this.rooms.all().flatMap((room) => (room.isGroup ? [] : room.people)).filter((person) => person.id !== this.me.id);
    for (const person of partners.slice(0, maxPartners)) void this.live.follow(`/user/${person.id}/presence`);
  }
}

import type { Place } from "./place.ts";
import type { Mention, Post } from "./post.ts";

/** What a reader sees of one Create: its present content, or that it is gone. */
export interface Entry {
  readonly post: Post;
  readonly content: string;
  readonly html: string;
  readonly mentions: readonly Mention[];
  readonly edited: boolean;
  readonly removed: boolean;
}

/** How a removed post reads in the log. */
const tombstone = "Tombstone";

/**
 * One stream of a place as far as this page knows it.
 *
 * Posts come by three ways (pages of history, live delivery, pages fetched after
 * a reconnect), in any order and more than once. They are kept by seq, so a
 * repeat is dropped and nothing depends on which way was faster. A hole between
 * two numbers is no loss: it may be a post this reader may not see.
 */
export class Timeline {
  private readonly posts = new Map<number, Post>();
  private oldest = 0;
  private settled = false;
  /** Every post up to this seq has been merged; what a catch-up goes on from. */
  knownTo = 0;
  /** The epoch of the stream as the server last told it; empty before. */
  epoch = "";
  /** A first page has been merged. */
  loaded = false;
  /** The server holds older posts than the oldest one here. */
  hasOlder = false;

  constructor(readonly place: Place) {}

  /** A live post. Returns whether it is new here. */
  deliver(post: Post): boolean {
    const isNew = this.merge(post);
    // While posts may be missing before this one, it must not move the mark
    // that the catch-up starts from.
    if (this.settled) this.knownTo = Math.max(this.knownTo, post.seq);
    return isNew;
  }

  /** The newest page, which begins the timeline. */
  begin(posts: readonly Post[], hasOlder: boolean): void {
    for (const post of posts) this.merge(post);
    this.knownTo = Math.max(this.knownTo, ...posts.map((post) => post.seq));
    this.extendBack(posts, hasOlder);
    this.loaded = true;
  }

  /** A page of older posts. */
  prepend(posts: readonly Post[], hasOlder: boolean): void {
    for (const post of posts) this.merge(post);
    this.extendBack(posts, hasOlder);
  }

  /** A page of a catch-up: all that the server had directly after knownTo. */
  follow(posts: readonly Post[]): Post[] {
    const fresh = posts.filter((post) => this.merge(post));
    this.knownTo = Math.max(this.knownTo, ...posts.map((post) => post.seq));
    if (this.oldest === 0) this.extendBack(posts, this.hasOlder);
    return fresh;
  }

  /** The live delivery runs and everything before it has been merged. */
  settle(): void {
    this.settled = true;
    this.knownTo = Math.max(this.knownTo, ...this.posts.keys());
  }

  /** The live delivery broke off: posts may be missing from here on. */
  unsettle(): void {
    this.settled = false;
  }

  get isSettled(): boolean {
    return this.settled;
  }

  /** The seq to ask older posts before; 0 where nothing has been read. */
  get before(): number {
    return this.oldest;
  }

  /** Whether the post of this id is here. */
  has(id: string): boolean {
    return this.seqOf(id) !== 0;
  }

  /** The seq of the post of this id; 0 where it is not here. */
  seqOf(id: string): number {
    for (const post of this.posts.values()) if (post.id === id) return post.seq;
    return 0;
  }

  get size(): number {
    return this.posts.size;
  }

  /** The authors' keys of the posts here. */
  keys(): string[] {
    return [...this.posts.values()].map((post) => post.key).filter((key) => key !== "");
  }

  /** Forgets everything: the stream is another one (a restored backup) or has lost its beginning. */
  reset(): void {
    this.posts.clear();
    this.oldest = 0;
    this.knownTo = 0;
    this.settled = false;
    this.loaded = false;
    this.hasOlder = false;
    this.epoch = "";
  }

  /** Keeps the newest max posts: a page that stays open for weeks must not grow for weeks. */
  trim(max: number): void {
    if (this.posts.size <= max) return;
    const seqs = [...this.posts.keys()].sort((a, b) => a - b);
    for (const seq of seqs.slice(0, seqs.length - max)) this.posts.delete(seq);
    this.oldest = seqs[seqs.length - max] ?? 0;
    this.hasOlder = true;
  }

  /** What there is to read, oldest first, every post once and as it stands now. */
  entries(): Entry[] {
    const all = [...this.posts.values()].sort((a, b) => a.seq - b.seq);
    const latest = new Map<string, Post>();
    const removed = new Set<string>();
    for (const post of all) {
      if (post.type === "Delete") removed.add(post.objectID);
      // Ascending order: the last one set is the latest edit.
      else if (post.type === "Update") latest.set(post.objectID, post);
    }
    const entries: Entry[] = [];
    for (const post of all) {
      if (post.type === "Update" || post.type === "Delete") continue;
      const isRemoved = post.objectType === tombstone || removed.has(post.id);
      const edit = latest.get(post.id);
      // A Create read from history already has its present content, which may
      // be of a later edit than the one that came live.
      const editWins = edit !== undefined && edit.objectType !== tombstone && edit.published >= post.updated;
      const said = editWins ? edit : post;
      entries.push({
        post,
        content: isRemoved ? "" : said.content,
        html: isRemoved ? "" : said.html,
        mentions: isRemoved ? [] : said.mentions,
        edited: !isRemoved && (edit !== undefined || post.updated > 0),
        removed: isRemoved,
      });
    }
    return entries;
  }

  private extendBack(posts: readonly Post[], hasOlder: boolean): void {
    for (const post of posts) if (this.oldest === 0 || post.seq < this.oldest) this.oldest = post.seq;
    this.hasOlder = hasOlder;
  }

  /** Returns whether the seq is new. Of two readings of one post the later stays. */
  private merge(post: Post): boolean {
    const known = this.posts.get(post.seq);
    if (known === undefined) {
      this.posts.set(post.seq, post);
      return true;
    }
    if (known.objectType !== tombstone && (post.objectType === tombstone || post.updated > known.updated)) {
      this.posts.set(post.seq, post);
    }
    return false;
  }
}

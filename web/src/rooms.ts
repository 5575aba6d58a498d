import type { Place } from "./place.ts";
import type { Post } from "./post.ts";
import type { Room } from "./room.ts";

/** Live posts remembered per room, to put them into a list that was made before them. */
const maxRecent = 200;

/** Edits, removals and news of members are no posts that one reads or not. */
export function isNews(post: Post): boolean {
  return post.type !== "Update" && post.type !== "Delete";
}

/**
 * The rooms as the server last listed them, brought up to date by what is heard
 * live. The rule of what is unread is the server's; between two lists it is
 * followed here, so that a badge needs no request.
 */
export class Rooms {
  isListed = false;
  private rooms = new Map<Place, Room>();
  private readonly recent = new Map<Place, Post[]>();
  /** How far this page has read, which the server may not know yet. */
  private readonly seen = new Map<Place, number>();

  constructor(private readonly me: string) {}

  all(): Room[] {
    return [...this.rooms.values()];
  }

  get(place: Place): Room | undefined {
    return this.rooms.get(place);
  }

  /** A new list. What was heard while it was made is not in it yet. */
  replace(list: readonly Room[]): void {
    this.isListed = true;
    const rooms = new Map<Place, Room>();
    for (const listed of list) {
      const heard = (this.recent.get(listed.place) ?? []).filter((post) => post.seq > listed.head);
      const seen = this.seen.get(listed.place) ?? 0;
      let room = listed;
      if (seen > room.read) room = { ...room, read: seen, unread: seen >= room.head ? 0 : room.unread };
      for (const post of heard) room = this.after(room, post);
      rooms.set(room.place, room);
    }
    this.rooms = rooms;
    for (const place of [...this.recent.keys(), ...this.seen.keys()]) {
      if (rooms.has(place)) continue;
      this.recent.delete(place);
      this.seen.delete(place);
    }
  }

  /** A live post. Returns whether the list can't be brought up to date with it. */
  hear(post: Post): boolean {
    const room = this.rooms.get(post.place);
    const recent = this.recent.get(post.place) ?? [];
    this.recent.set(post.place, [...recent, post].slice(-maxRecent));
    if (room === undefined) return true;
    if (post.seq <= room.head) return false; // A repeat, or in the list already.
    this.rooms.set(room.place, this.after(room, post));
    // Which one was removed, and what the last one is now, the server knows.
    return post.type === "Delete" && (room.unread > 0 || post.objectID === room.last?.id);
  }

  /**
   * This person has read up to seq, here or on another device. Returns whether
   * the list has to tell how many are left.
   */
  read(place: Place, seq: number): boolean {
    const room = this.rooms.get(place);
    if (room === undefined || seq <= room.read) return false;
    this.seen.set(place, seq);
    const isAll = seq >= room.head;
    this.rooms.set(place, { ...room, read: seq, unread: isAll ? 0 : room.unread });
    return !isAll && room.unread > 0;
  }

  /** All that is unread, as the server counts it too. */
  get total(): number {
    return this.all().reduce((sum, room) => sum + room.unread, 0);
  }

  /** What of it calls: not what is muted. */
  get unread(): number {
    return this.all().reduce((sum, room) => sum + (room.isMuted ? 0 : room.unread), 0);
  }

  private after(room: Room, post: Post): Room {
    const head = Math.max(room.head, post.seq);
    if (!isNews(post)) {
      const isLast = post.type === "Update" && post.objectID === room.last?.id;
      return { ...room, head, last: isLast && room.last !== null ? { ...room.last, content: post.content, html: post.html } : room.last };
    }
    if (post.actor === this.me) {
      // Writing moves one's marker where nothing was unread; nobody tells of it.
      return { ...room, head, last: post, read: room.unread === 0 ? post.seq : room.read };
    }
    return { ...room, head, last: post, unread: room.isMember && post.seq > room.read ? room.unread + 1 : room.unread };
  }
}

import { idOf, kindOf, placeOf, restPath, type Place } from "./place.ts";
import { text, type Post } from "./post.ts";
import { sentenceOf } from "./problem.ts";
import { parseReports, type Report } from "./report.ts";
import type { Doer } from "./rest.ts";
import { listAll, parsePeople, parsePerson, type Person } from "./room.ts";
import type { Tallies } from "./tallies.ts";

export interface DeedEvents {
  /** Tells something for a while. */
  say(sentence: string): void;
  /** The lists of rooms are not as they were. */
  roomsChanged(): Promise<void>;
}

/** More names than a list of likes shows. */
const maxPeople = 200;

/**
 * What a person does beside writing: every method asks the server, says what
 * went wrong, and returns whether it was done.
 */
export class Deeds {
  constructor(
    private readonly rest: Doer,
    private readonly tallies: Tallies,
    private readonly events: DeedEvents,
  ) {}

  async like(post: Post, on: boolean): Promise<boolean> {
    const { likes, isLiked } = this.tallies.of(post.id);
    this.tallies.assume(post.id, { isLiked: on, likes: Math.max(0, likes + (on ? 1 : -1)) });
    const isDone = await this.attempt(() => this.turn(`${postPath(post)}/like`, on));
    if (!isDone) this.tallies.assume(post.id, { isLiked, likes });
    return isDone;
  }

  async favor(post: Post, on: boolean): Promise<boolean> {
    this.tallies.assume(post.id, { isFavorite: on });
    const isDone = await this.attempt(() => this.turn(`${postPath(post)}/favorite`, on));
    if (!isDone) this.tallies.assume(post.id, { isFavorite: !on });
    return isDone;
  }

  async flag(post: Post, on: boolean): Promise<boolean> {
    this.tallies.assume(post.id, { isFlagged: on });
    const isDone = await this.attempt(() => this.turn(`${postPath(post)}/flag`, on));
    if (!isDone) this.tallies.assume(post.id, { isFlagged: !on });
    return isDone;
  }

  async likers(post: Post): Promise<Person[]> {
    const list = await this.rest.get(`${postPath(post)}/likes?limit=${maxPeople}`);
    return (Array.isArray(list["items"]) ? list["items"] : []).map(parseLiker).filter((person) => person !== null);
  }

  /** Into a context, or onto one's own wall. */
  async share(post: Post, target: Place, content: string): Promise<boolean> {
    const to = kindOf(target) === "ctx" ? { context: idOf(target) } : {};
    return this.attempt(() => this.rest.post(`${postPath(post)}/share`, { ...to, ...(content === "" ? {} : { content }) }));
  }

  async edit(post: Post, content: string): Promise<boolean> {
    return this.attempt(() => this.rest.patch(postPath(post), { content }));
  }

  async remove(post: Post): Promise<boolean> {
    return this.attempt(() => this.rest.delete(postPath(post)));
  }

  /** A conversation with one other person, or a group. Returns its place; empty where it was not made. */
  async converse(people: readonly string[], name: string): Promise<Place> {
    let place = "";
    await this.attempt(async () => {
      const made = await this.rest.post("/conversations", { participants: [...people], ...(name === "" ? {} : { displayName: name }) });
      if (text(made["id"]) !== "") place = placeOf("conv", text(made["id"]));
      await this.events.roomsChanged();
    });
    return place;
  }

  async rename(place: Place, name: string): Promise<boolean> {
    return this.changeRoom(() => this.rest.patch(restPath(place), { displayName: name }));
  }

  async add(place: Place, person: string): Promise<boolean> {
    return this.changeRoom(() => this.rest.put(`${restPath(place)}/${membersWord(place)}/${encodeURIComponent(person)}`));
  }

  async dismiss(place: Place, person: string): Promise<boolean> {
    return this.changeRoom(() => this.rest.delete(`${restPath(place)}/${membersWord(place)}/${encodeURIComponent(person)}`));
  }

  /** To somebody who takes part. */
  async handOver(place: Place, person: string): Promise<boolean> {
    return this.changeRoom(() => this.rest.put(`${restPath(place)}/owner`, { owner: person }));
  }

  async end(place: Place): Promise<boolean> {
    return this.changeRoom(() => this.rest.delete(restPath(place)));
  }

  async join(place: Place): Promise<boolean> {
    return this.add(place, "me");
  }

  async leave(place: Place): Promise<boolean> {
    return this.dismiss(place, "me");
  }

  async mute(place: Place, on: boolean): Promise<boolean> {
    return this.changeRoom(() => this.turn(`${restPath(place)}/mute`, on));
  }

  async follow(person: string, on: boolean): Promise<boolean> {
    return this.attempt(() => this.turn(`/people/${encodeURIComponent(person)}/follow`, on));
  }

  async block(person: string, on: boolean): Promise<boolean> {
    return this.attempt(() => this.turn(`/people/${encodeURIComponent(person)}/block`, on));
  }

  async ignore(person: string, on: boolean): Promise<boolean> {
    return this.attempt(() => this.turn(`/people/${encodeURIComponent(person)}/ignore`, on));
  }

  /** Whom this person blocks. Throws a Problem. */
  async blocked(): Promise<Set<string>> {
    return this.names("/me/blocks");
  }

  /** Whom this person ignores. Throws a Problem. */
  async ignored(): Promise<Set<string>> {
    return this.names("/me/ignores");
  }

  private async names(path: string): Promise<Set<string>> {
    const people = parsePeople(await listAll(this.rest, path));
    return new Set(people.map((person) => person.id));
  }

  /** Tells those who moderate. */
  async report(post: Post, reason: string): Promise<boolean> {
    return this.attempt(() => this.rest.post(`${postPath(post)}/report`, { reason }));
  }

  /** What is reported in a context and open. Throws a Problem. */
  async reports(place: Place): Promise<Report[]> {
    return parseReports(await listAll(this.rest, "/reports", `&context=${encodeURIComponent(idOf(place))}`), place);
  }

  async resolve(report: Report, outcome: string): Promise<boolean> {
    return this.attempt(() => this.rest.patch(`/reports/${report.id}`, { outcome }));
  }

  /** Whom this person follows. Throws a Problem. */
  async following(me: string): Promise<Set<string>> {
    const people = parsePeople(await listAll(this.rest, `/people/${encodeURIComponent(me)}/following`));
    return new Set(people.map((person) => person.id));
  }

  /** Everybody whom this person may know of. Throws a Problem. */
  async people(): Promise<Person[]> {
    return parsePeople(await listAll(this.rest, "/people"));
  }

  /** Throws a Problem. */
  async person(name: string): Promise<Person | null> {
    return parsePerson(await this.rest.get(`/people/${encodeURIComponent(name)}`));
  }

  /** Of a person, a context or a group; path is where it is. Throws a Problem. */
  async removePicture(path: string): Promise<void> {
    await this.rest.delete(path);
  }

  private async turn(path: string, on: boolean): Promise<unknown> {
    return on ? this.rest.put(path) : this.rest.delete(path);
  }

  private async changeRoom(action: () => Promise<unknown>): Promise<boolean> {
    const isDone = await this.attempt(action);
    await this.events.roomsChanged();
    return isDone;
  }

  private async attempt(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action();
      this.events.say("");
      return true;
    } catch (err) {
      this.events.say(sentenceOf(err));
      return false;
    }
  }
}

/** A post of a conversation is a message; what answers an activity in its thread a comment. */
export function postPath(post: Post): string {
  if (kindOf(post.place) === "conv") return `/messages/${post.id}`;
  return `/${post.isComment ? "comments" : "activities"}/${post.id}`;
}

function membersWord(place: Place): string {
  return kindOf(place) === "conv" ? "participants" : "members";
}

/** A like is told as its person, or as an object that names one. */
function parseLiker(value: unknown): Person | null {
  const fields = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  return parsePerson(fields["actor"] ?? fields["person"] ?? value);
}

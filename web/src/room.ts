import { kindOf, placeOf, type Place } from "./place.ts";
import { isFields, parsePost, text, type Fields, type Post } from "./post.ts";
import type { Reader } from "./rest.ts";

export interface Person {
  readonly id: string;
  readonly name: string;
}

/** Who is signed in. */
export interface Me extends Person {
  readonly roles: readonly string[];
}

/** A context or a conversation, as the lists tell of it. */
export interface Room {
  readonly place: Place;
  readonly name: string;
  readonly description: string;
  /** Where its picture is, below /v1; empty where none was uploaded. */
  readonly avatar: string;
  readonly isMember: boolean;
  /** What the person may do there; a server that does not say leaves it to trying. */
  readonly may: (right: string) => boolean;
  /** Of a conversation: who takes part, oneself among them. */
  readonly people: readonly Person[];
  /** Of a conversation of more than two. */
  readonly isGroup: boolean;
  readonly owner: string;
  readonly isMuted: boolean;
  /** How far its messages go, and how far they were read, when the list was made. */
  readonly head: number;
  readonly read: number;
  /** Living posts by others after read. */
  readonly unread: number;
  /** The newest living post; null for none. */
  readonly last: Post | null;
}

/** More pages than any one person's list has; a bound, not a limit one meets. */
const maxPages = 100;

/** Whether the server shows me what is reported in a room. */
export function moderates(me: Me, room: Room): boolean {
  return kindOf(room.place) === "ctx" && (room.owner === me.id || me.roles.includes("manager") || me.roles.includes("moderator"));
}

/** Everything that a list holds, page by page; filter is what its address says beside the page. */
export async function listAll(rest: Reader, path: string, filter = ""): Promise<Fields[]> {
  const all: Fields[] = [];
  let cursor = "";
  for (let page = 0; page < maxPages; page++) {
    const list = await rest.get(`${path}?limit=200${filter}${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
    const items: unknown = list["items"];
    all.push(...(Array.isArray(items) ? items : []).filter(isFields));
    const next = text(list["next"]);
    if (next === "" || next === cursor) break;
    cursor = next;
  }
  return all;
}

/** All contexts the person can see, and the conversations they take part in. */
export async function listRooms(rest: Reader, me: string): Promise<Room[]> {
  const [contexts, mine, conversations] = await Promise.all([
    listAll(rest, "/contexts"),
    listAll(rest, "/me/contexts"),
    listAll(rest, "/me/conversations"),
  ]);
  const overviews = new Map(mine.map((overview) => [text(overview["id"]), overview]));
  const rooms = contexts.map((context) => parseContext(context, overviews.get(text(context["id"])) ?? {}));
  return [...rooms, ...conversations.map((conversation) => parseConversation(conversation, me))].filter((room) => room !== null);
}

/** Reads a context, and what the list of one's own adds to it. */
export function parseContext(value: unknown, overview: Fields): Room | null {
  if (!isFields(value)) return null;
  const id = text(value["id"]);
  if (id === "") return null;
  const place = placeOf("ctx", id);
  return {
    place,
    name: text(value["displayName"]) || id,
    description: text(value["description"]),
    avatar: parseAvatar(value["avatar"]),
    isMember: value["member"] === true,
    may: rights(value["may"]),
    people: [],
    isGroup: false,
    owner: text(value["owner"]),
    isMuted: isMuted(overview),
    ...standing(overview, place),
  };
}

/** An address of this server's interface; nothing else is put into an image. */
function parseAvatar(value: unknown): string {
  const address = text(value);
  return /^\/v1\/[^/]/.test(address) ? address.slice("/v1".length) : "";
}

export function parseConversation(value: unknown, me: string): Room | null {
  if (!isFields(value)) return null;
  const id = text(value["id"]);
  if (id === "") return null;
  const place = placeOf("conv", id);
  const people = parsePeople(value["participants"]);
  const others = people.filter((person) => person.id !== me);
  const tags: unknown = value["tags"];
  return {
    place,
    name: text(value["displayName"]) || others.map((person) => person.name).join(", ") || "Only you",
    description: "",
    avatar: parseAvatar(value["avatar"]),
    isMember: true,
    may: rights(value["may"]),
    people,
    isGroup: Array.isArray(tags) && tags.includes("group"),
    owner: text(value["owner"]),
    isMuted: isMuted(value),
    ...standing(value, place),
  };
}

export function parsePeople(value: unknown): Person[] {
  if (!Array.isArray(value)) return [];
  return value.map(parsePerson).filter((person) => person !== null);
}

/** Posts name a person by id, lists by name; both say what they are called. */
export function parsePerson(value: unknown): Person | null {
  if (!isFields(value)) return null;
  const id = text(value["id"]) || text(value["name"]);
  return id === "" ? null : { id, name: text(value["displayName"]) || text(value["name"]) };
}

function rights(list: unknown): (right: string) => boolean {
  return (right) => !Array.isArray(list) || list.includes(right);
}

function isMuted(overview: Fields): boolean {
  const muted = overview["muted"];
  return muted === true || text(muted) !== "" || isFields(muted);
}

function standing(overview: Fields, place: Place): Pick<Room, "head" | "read" | "unread" | "last"> {
  const position = text(overview["position"]);
  const count = (value: unknown) => (typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0);
  return {
    head: count(Number(position.slice(position.lastIndexOf(":") + 1))),
    read: count(overview["read"]),
    unread: count(overview["unread"]),
    last: parsePost(overview["last"], place),
  };
}

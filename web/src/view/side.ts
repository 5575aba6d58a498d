import type { Desk } from "../desk.ts";
import { addressOf, everything, kindOf, type Place } from "../place.ts";
import type { Media } from "../media.ts";
import type { Room } from "../room.ts";
import { avatar } from "./avatar.ts";
import { shortTimeOf } from "./clock.ts";
import { arrange, h, setText } from "./dom.ts";
import { textOf } from "./markup.ts";

/** A filter is of use from this many rooms on. */
const manyRooms = 9;

/** The rooms: everything, the contexts one is in, one's conversations, and the contexts one could join. */
export class Side {
  private readonly contexts = new Section("Contexts", "You are in no context yet.");
  private readonly conversations: Section;
  private readonly everything = h("a", { class: "all", attrs: { href: addressOf(everything) } }, "Everything");
  private readonly others = new Section("To join", "");
  private readonly filter = h("input", {
    attrs: { type: "search", placeholder: "Find a room", "aria-label": "Find a room" },
    on: { input: () => this.update() },
  });
  private readonly loading = h("p", { class: "muted hint" }, "Loading…");
  private readonly rows = new Map<Place, Row>();
  readonly element: HTMLElement;

  /** converse begins a conversation. */
  constructor(
    private readonly desk: Desk,
    converse: () => void,
  ) {
    const add = h("button", { class: "add", attrs: { type: "button", "aria-label": "New conversation", title: "New conversation" }, on: { click: converse } }, "+");
    this.conversations = new Section("Conversations", "Nobody yet: begin with +.", add);
    this.element = h(
      "nav",
      { class: "rooms", attrs: { "aria-label": "Rooms" } },
      this.filter,
      this.everything,
      this.loading,
      this.contexts.element,
      this.conversations.element,
      this.others.element,
    );
  }

  update(): void {
    const rooms = this.desk.rooms.all();
    const { isListed } = this.desk.rooms;
    this.loading.hidden = isListed;
    this.filter.hidden = rooms.length < manyRooms;
    const wanted = this.filter.hidden ? "" : this.filter.value.trim().toLowerCase();
    const shown = rooms.filter((room) => wanted === "" || room.name.toLowerCase().includes(wanted) || room.place.includes(wanted));
    const contexts = shown.filter((room) => kindOf(room.place) === "ctx").sort(byName);
    this.contexts.update(this.elements(contexts.filter((room) => room.isMember)), isListed, wanted !== "");
    const conversations = shown.filter((room) => kindOf(room.place) === "conv").sort(byLast);
    this.conversations.update(this.elements(conversations), isListed, wanted !== "");
    current(this.everything, this.desk.feed.isOpen);
    this.others.update(this.elements(contexts.filter((room) => !room.isMember)), false, false);
    const present = new Set(rooms.map((room) => room.place));
    for (const place of this.rows.keys()) if (!present.has(place)) this.rows.delete(place);
  }

  private elements(rooms: readonly Room[]): HTMLElement[] {
    return rooms.map((room) => {
      let row = this.rows.get(room.place);
      if (row === undefined) {
        row = new Row(room.place);
        this.rows.set(room.place, row);
      }
      const partner = room.isGroup ? undefined : room.people.find((person) => person.id !== this.desk.me.id);
      const status = partner === undefined ? "" : (this.desk.company.presence(partner.id)?.status ?? "");
      row.update(room, this.desk.open?.place === room.place, this.desk.me.id, status, this.desk.media);
      return row.element;
    });
  }
}

function byName(a: Room, b: Room): number {
  return a.name.localeCompare(b.name) || (a.place < b.place ? -1 : 1);
}

function byLast(a: Room, b: Room): number {
  return (b.last?.published ?? 0) - (a.last?.published ?? 0) || byName(a, b);
}

function current(link: HTMLElement, is: boolean): void {
  if (is) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
}

class Section {
  private readonly list = h("ul");
  private readonly none = h("p", { class: "muted hint" });
  readonly element: HTMLElement;

  constructor(title: string, private readonly empty: string, ...tools: HTMLElement[]) {
    const id = `section-${title.replaceAll(" ", "-").toLowerCase()}`;
    this.list.setAttribute("aria-labelledby", id);
    const heading = h("div", { class: "section" }, h("h2", { attrs: { id } }, title), ...tools);
    this.element = h("div", {}, heading, this.list, this.none);
  }

  update(rows: readonly HTMLElement[], isListed: boolean, isFiltered: boolean): void {
    arrange(this.list, rows);
    this.list.hidden = rows.length === 0;
    const words = isFiltered ? "None by that name." : this.empty;
    setText(this.none, words);
    this.none.hidden = rows.length > 0 || !isListed || words === "";
    this.element.hidden = rows.length === 0 && (this.empty === "" || !isListed);
  }
}

class Row {
  private readonly picture = h("span", { class: "picture" });
  private readonly name = h("span", { class: "name" });
  private readonly time = h("time");
  private readonly preview = h("span", { class: "preview" });
  private readonly muted = h("span", { class: "muted-mark", attrs: { role: "img", "aria-label": "Muted", title: "Muted" } });
  private readonly unread = h("span", { class: "unread", attrs: { "aria-hidden": "true" } });
  private readonly unreadWords = h("span", { class: "unseen" });
  private readonly link: HTMLAnchorElement;
  private pictured = "";
  private html = "";
  private words = "";
  readonly element: HTMLLIElement;

  constructor(place: Place) {
    this.link = h(
      "a",
      { attrs: { href: addressOf(place) } },
      this.picture,
      h("span", { class: "line" }, this.name, this.unreadWords, this.muted, this.time),
      h("span", { class: "line" }, this.preview, this.unread),
    );
    this.element = h("li", {}, this.link);
  }

  /** status is whether the other one of a conversation of two is there; empty where it is not known. */
  update(room: Room, isOpen: boolean, me: string, status: string, media: Media): void {
    setText(this.name, room.name);
    current(this.link, isOpen);
    const pictured = JSON.stringify([room.name, room.avatar]);
    if (this.pictured !== pictured) {
      this.pictured = pictured;
      const picture = room.avatar === "" ? null : { media, path: `${room.avatar}&size=96` };
      this.picture.replaceChildren(avatar(room.place, room.name, kindOf(room.place) === "ctx" ? "square" : "round", picture));
    }
    this.picture.classList.toggle("online", status === "online");
    const { last } = room;
    this.time.hidden = last === null;
    if (last !== null) {
      this.time.dateTime = new Date(last.published).toISOString();
      setText(this.time, shortTimeOf(last.published, Date.now()));
    }
    const who = last === null ? "" : last.actor === me ? "You: " : kindOf(room.place) === "ctx" || room.isGroup ? `${last.actorName}: ` : "";
    // The list is drawn often, and a text changes seldom.
    if (last?.html !== undefined && last.html !== this.html) {
      this.html = last.html;
      this.words = textOf(last.html);
    }
    const words = last === null ? room.description : last.html !== "" ? this.words : last.content || last.about?.name || (last.files.length > 0 ? (last.files[0]?.name ?? "") : "");
    setText(this.preview, who + words);
    this.muted.hidden = !room.isMuted;
    this.link.classList.toggle("fresh", room.unread > 0 && !room.isMuted);
    this.unread.hidden = room.unread === 0;
    setText(this.unread, room.unread > 99 ? "99+" : `${room.unread}`);
    setText(this.unreadWords, room.unread === 0 ? "" : ` (${room.unread} new)`);
  }
}

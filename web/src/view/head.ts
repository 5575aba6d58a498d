import { addressOf, idOf, kindOf } from "../place.ts";
import { moderates, type Room } from "../room.ts";
import { confirmed } from "./dialog.ts";
import { h, setText } from "./dom.ts";
import { groupChoices } from "./group.ts";
import type { Host } from "./host.ts";
import { menuButton, type Choice } from "./menu.ts";
import { personCard, presenceWords } from "./person.ts";
import { pick } from "./picker.ts";
import { choosePicture, mayChoosePicture } from "./portrait.ts";
import { showReports } from "./reports.ts";

/** The head of the open place: what it is, who is there, and what one can do about it. */
export class Head {
  private readonly title = h("h1");
  private readonly dot = h("span", { class: "dot", attrs: { "aria-hidden": "true" } });
  private readonly line = h("p", { class: "muted" });
  private readonly join = h("button", { class: "primary", attrs: { type: "button" }, on: { click: () => void this.joinNow() } }, "Join");
  private readonly leave = h("button", { class: "quiet", attrs: { type: "button" }, on: { click: () => void this.askToLeave() } }, "Leave");
  private readonly more: HTMLButtonElement;
  readonly element: HTMLElement;

  /** turned is called when the button that had the focus may be gone. */
  constructor(
    private readonly host: Host,
    private readonly turned: () => void,
  ) {
    const back = h("a", { class: "back", attrs: { href: "#/", "aria-label": "All rooms" } }, "‹");
    this.more = menuButton("More about this room", "⋯", () => this.choices());
    this.element = h("header", {}, back, h("div", { class: "what" }, h("div", { class: "title" }, this.dot, this.title), this.line), this.join, this.leave, this.more);
  }

  /** Returns the name of the place. */
  update(): string {
    const { open, room } = this.host.desk;
    if (open === null) return "";
    const isWall = kindOf(open.place) === "user";
    const isMine = isWall && idOf(open.place) === this.host.desk.me.id;
    const name = isMine ? "Your wall" : isWall ? `Wall of ${idOf(open.place)}` : (room?.name ?? idOf(open.place));
    const partner = this.partner(room);
    setText(this.title, name);
    const line = this.words(room, partner);
    setText(this.line, line);
    this.line.hidden = line === "";
    const status = partner === "" ? "" : (this.host.desk.company.presence(partner)?.status ?? "");
    this.dot.hidden = status === "";
    this.dot.className = `dot ${status}`;
    this.join.hidden = room === undefined || room.isMember || !room.may("subscribe");
    this.leave.hidden = room === undefined || kindOf(open.place) !== "ctx" || !room.isMember || !room.may("unsubscribe");
    this.more.hidden = this.choices().length === 0;
    return name;
  }

  /** The other one of a conversation of two; empty for none. */
  private partner(room: Room | undefined): string {
    if (room === undefined || room.isGroup) return "";
    return room.people.find((person) => person.id !== this.host.desk.me.id)?.id ?? "";
  }

  private words(room: Room | undefined, partner: string): string {
    if (room === undefined) return "";
    if (partner !== "") return presenceWords(this.host, partner);
    if (room.isGroup) return room.people.map((person) => (person.id === this.host.desk.me.id ? "you" : person.name)).join(", ");
    const online = this.host.desk.company.online(room.place);
    return [room.description, online > 0 ? `${online} online` : ""].filter((part) => part !== "").join(" · ");
  }

  private choices(): Choice[] {
    const { desk } = this.host;
    const { open, room } = desk;
    if (open === null) return [];
    if (kindOf(open.place) === "user") return [{ words: "About this person", choose: () => void personCard(this.host, idOf(open.place)) }];
    if (room === undefined) return [];
    if (!room.isMember) return moderates(desk.me, room) ? [{ words: "Reports…", choose: () => void showReports(this.host, room) }] : [];
    const choices: Choice[] = [{ words: "Mute", isOn: room.isMuted, choose: () => void desk.deeds.mute(room.place, !room.isMuted) }];
    const partner = this.partner(room);
    if (partner !== "") choices.push({ words: `About ${room.name}`, choose: () => void personCard(this.host, partner) });
    if (partner !== "") choices.push({ words: `Block ${room.name}…`, choose: () => void this.block(room, partner) });
    if (moderates(desk.me, room)) choices.push({ words: "Reports…", choose: () => void showReports(this.host, room) });
    if (mayChoosePicture(desk.me, room)) choices.push({ words: "Picture…", choose: () => void choosePicture(this.host, room) });
    if (!room.isGroup) return choices;
    choices.push(...groupChoices(this.host, room));
    if (room.owner !== desk.me.id) choices.push({ words: "Leave…", choose: () => void this.askToLeave() });
    return choices;
  }

  private async block(room: Room, person: string): Promise<void> {
    const { desk } = this.host;
    if (!(await confirmed(`Block ${room.name}?`, "Neither of you can write to the other any more. What was said stays.", "Block", "Cancel"))) return;
    if (await desk.deeds.block(person, true)) desk.say(`${room.name} is blocked. About ${room.name} ends that.`);
  }

  private async joinNow(): Promise<void> {
    const { room } = this.host.desk;
    if (room === undefined) return;
    this.join.disabled = true;
    await this.host.desk.deeds.join(room.place);
    this.join.disabled = false;
    this.turned();
  }

  private async askToLeave(): Promise<void> {
    const { room } = this.host.desk;
    if (room === undefined) return;
    const detail = "Its messages no longer come to you. You may need an invitation to come back.";
    if (!(await confirmed(`Leave ${room.name}?`, detail, "Leave", "Stay"))) return;
    const isLeft = await this.host.desk.deeds.leave(room.place);
    if (isLeft && kindOf(room.place) === "conv") location.hash = "#/";
    else this.turned();
  }
}

/** Asks with whom, and goes there. */
export async function converse(host: Host): Promise<void> {
  const picked = await pick(host.desk, "New conversation", "Start", [], true);
  if (picked === null) return;
  const place = await host.desk.deeds.converse(picked.people, picked.name);
  if (place !== "") location.hash = addressOf(place);
}


import type { Desk } from "../desk.ts";
import { idOf, type Place } from "../place.ts";
import type { Post } from "../post.ts";
import { Announcer } from "./announcer.ts";
import { Banner } from "./banner.ts";
import { Composer } from "./composer.ts";
import { h, setText } from "./dom.ts";
import { confirmed } from "./dialog.ts";
import { mark } from "./mark.ts";
import { Side } from "./side.ts";
import { Stream } from "./stream.ts";

interface Actions {
  signOut(): void;
  /** Connects at once. */
  hurry(): void;
}

/** The signed-in page: the rooms on one side, the open one on the other. */
export class Page {
  private readonly side: Side;
  private readonly stream: Stream;
  private readonly composer: Composer;
  private readonly banner: Banner;
  private readonly announcer = new Announcer();
  private readonly title = h("h1");
  private readonly description = h("p", { class: "muted" });
  private readonly join = h("button", { class: "primary", attrs: { type: "button" } }, "Join");
  private readonly leave = h("button", { class: "quiet", attrs: { type: "button" } }, "Leave");
  private readonly readOnly = h("p", { class: "muted read-only" }, "You can read here, but not write.");
  private readonly notice = h("p", { class: "notice", attrs: { role: "status" } });
  private readonly room: HTMLElement;
  private readonly welcome: HTMLElement;
  readonly element: HTMLElement;
  private drawing: ReturnType<typeof setTimeout> | undefined;
  private unseen = 0;
  /** The place shown; empty for none. */
  private shown = "";
  private readonly seen = () => this.look();

  constructor(
    private readonly desk: Desk,
    actions: Actions,
  ) {
    this.side = new Side(desk);
    this.stream = new Stream(desk, () => this.read());
    this.composer = new Composer((content, isMarkdown) => this.write(content, isMarkdown));
    this.banner = new Banner(actions.hurry);
    this.join.addEventListener("click", () => void this.change(this.join, (place) => desk.join(place)));
    this.leave.addEventListener("click", () => void this.askToLeave());
    const signOut = h("button", { class: "quiet", attrs: { type: "button" }, on: { click: () => actions.signOut() } }, "Sign out");
    const back = h("a", { class: "back", attrs: { href: "#/", "aria-label": "All rooms" } }, "‹");
    this.room = h(
      "main",
      { class: "room" },
      h("header", {}, back, h("div", { class: "what" }, this.title, this.description), this.join, this.leave),
      this.stream.element,
      this.composer.element,
      this.readOnly,
    );
    this.welcome = h(
      "main",
      { class: "room welcome" },
      mark(),
      h("h1", {}, `Welcome, ${desk.me.name}`),
      h("p", { class: "muted" }, "Choose a room to read along and to write."),
    );
    this.element = h(
      "div",
      { class: "desk" },
      this.banner.element,
      h(
        "aside",
        {},
        h("div", { class: "brand" }, mark(), h("span", {}, "Rambla")),
        this.side.element,
        h("div", { class: "me" }, h("span", { class: "name", attrs: { title: desk.me.id } }, desk.me.name), signOut),
      ),
      this.welcome,
      this.room,
      this.notice,
      this.announcer.element,
    );
    document.addEventListener("visibilitychange", this.seen);
    this.draw();
  }

  /** Draws what has changed, soon: a burst of messages is drawn once. */
  update(): void {
    this.drawing ??= setTimeout(() => this.draw(), 16);
  }

  heard(posts: readonly Post[]): void {
    this.announcer.hear(posts);
    if (document.hidden) this.unseen += posts.length;
    this.update();
  }

  stop(): void {
    clearTimeout(this.drawing);
    this.banner.stop();
    document.removeEventListener("visibilitychange", this.seen);
    document.title = "Rambla";
  }

  private draw(): void {
    this.drawing = undefined;
    const { open, room, connection, notice, shelf } = this.desk;
    this.banner.update(connection);
    this.element.dataset["connection"] = connection.is;
    this.read();
    this.side.update();
    this.element.classList.toggle("reading", open !== null);
    this.room.hidden = open === null;
    this.welcome.hidden = open !== null;
    const name = room?.name ?? (open === null ? "" : idOf(open.place));
    if (open !== null) {
      const mayWrite = room?.may("write");
      setText(this.title, name);
      setText(this.description, room?.description ?? "");
      this.description.hidden = (room?.description ?? "") === "";
      this.join.hidden = room === undefined || room.isMember || !room.may("subscribe");
      this.leave.hidden = room === undefined || !room.isMember || !room.may("unsubscribe");
      this.composer.element.hidden = mayWrite === undefined ? shelf.obstacle !== "" : !mayWrite;
      this.readOnly.hidden = mayWrite !== false;
      this.composer.update(open.place, name);
    }
    this.stream.update();
    this.turnTo(open?.place ?? "");
    const said = shelf.obstacle || notice;
    setText(this.notice, said);
    this.notice.classList.toggle("said", said !== "");
    const waiting = this.desk.rooms.unread + (room?.isMember === true ? 0 : this.unseen);
    document.title = `${waiting > 0 ? `(${waiting}) ` : ""}${name === "" ? "" : `${name} · `}Rambla`;
  }

  private look(): void {
    if (document.hidden) return;
    this.unseen = 0;
    this.desk.refresh();
    this.update();
  }

  /** Whoever sees the end has read what is above it. */
  private read(): void {
    if (!document.hidden && this.stream.isAtEnd && this.desk.open?.loaded === true) this.desk.read();
  }

  /** Whoever opens a room means to write or to read; on a touch screen a keyboard would cover it. */
  private turnTo(place: Place): void {
    if (place === this.shown) return;
    this.shown = place;
    if (place !== "" && window.matchMedia("(hover: hover)").matches) this.composer.focus();
  }

  private write(content: string, isMarkdown: boolean): boolean {
    const isTaken = this.desk.write(content, isMarkdown);
    if (isTaken) this.stream.toEnd();
    return isTaken;
  }

  private async askToLeave(): Promise<void> {
    const name = this.desk.room?.name ?? "";
    if (await confirmed(`Leave ${name}?`, "Its messages no longer come to you. You may need an invitation to come back.", "Leave")) {
      await this.change(this.leave, (place) => this.desk.leave(place));
    }
  }

  private async change(button: HTMLButtonElement, action: (place: Place) => Promise<void>): Promise<void> {
    const place = this.desk.open?.place;
    if (place === undefined) return;
    button.disabled = true;
    await action(place);
    button.disabled = false;
    // The button that had the focus may be gone now.
    if (document.activeElement === document.body || button.hidden) this.composer.focus();
  }
}

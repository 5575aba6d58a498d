import type { Desk } from "../desk.ts";
import { readOne } from "../history.ts";
import type { Notifier } from "../notifier.ts";
import { everything, idOf, kindOf, type Place } from "../place.ts";
import type { Post } from "../post.ts";
import { sentenceOf } from "../problem.ts";
import type { Found } from "../search.ts";
import { Announcer } from "./announcer.ts";
import { Banner } from "./banner.ts";
import { Bell } from "./bell.ts";
import { Composer, dropInto, type Written } from "./composer.ts";
import { h, setText } from "./dom.ts";
import { Everything } from "./everything.ts";
import { Head, converse } from "./head.ts";
import type { Host } from "./host.ts";
import { mark } from "./mark.ts";
import { personCard } from "./person.ts";
import { SearchDialog, showAlone, showPost } from "./search.ts";
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
  private readonly head: Head;
  private readonly stream: Stream;
  private readonly composer: Composer;
  private readonly everything: Everything;
  private readonly banner: Banner;
  private readonly bell: Bell;
  private readonly search: SearchDialog;
  private readonly announcer = new Announcer();
  private readonly typing = h("p", { class: "typing", attrs: { role: "status" } });
  private readonly readOnly = h("p", { class: "muted read-only" }, "You can read here, but not write.");
  private readonly notice = h("p", { class: "notice", attrs: { role: "status" } });
  private readonly room: HTMLElement;
  private readonly welcome: HTMLElement;
  readonly element: HTMLElement;
  private drawing: ReturnType<typeof setTimeout> | undefined;
  private unseen = 0;
  /** The place shown; empty for none. */
  private shown: Place = "";
  private readonly seen = () => this.look();
  private readonly pressed = (event: KeyboardEvent) => {
    const isTyping = event.target instanceof Element && event.target.closest("input, textarea, select, dialog, [contenteditable]") !== null;
    const isFind = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (!isFind && (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey)) return;
    event.preventDefault();
    this.search.open();
  };

  constructor(
    private readonly desk: Desk,
    notifier: Notifier,
    actions: Actions,
  ) {
    const host: Host = {
      desk,
      card: (person) => void personCard(host, person),
      answer: (post) => this.composer.answer(post),
    };
    this.side = new Side(desk, () => void converse(host));
    this.head = new Head(host, () => this.turned());
    this.stream = new Stream(host, () => this.read());
    this.everything = new Everything(host);
    this.composer = new Composer({
      id: "message",
      button: "Send",
      send: desk.send,
      write: (written) => this.write(written),
      typed: () => desk.typed(),
    });
    this.banner = new Banner(actions.hurry);
    this.search = new SearchDialog(desk.reader, (found) => void this.reveal(found));
    this.bell = new Bell(notifier, (sentence) => desk.say(sentence));
    const find = h("button", { class: "quiet find", attrs: { type: "button", "aria-keyshortcuts": "/ Control+K" }, on: { click: () => this.search.open() } }, "Search");
    const signOut = h("button", { class: "quiet", attrs: { type: "button" }, on: { click: () => actions.signOut() } }, "Sign out");
    const me = h("button", { class: "name", attrs: { type: "button", title: desk.me.id }, on: { click: () => host.card(desk.me.id) } }, desk.me.name);
    this.room = h("main", { class: "room" }, this.head.element, this.stream.element, this.typing, this.composer.element, this.readOnly);
    dropInto(this.room, (files) => this.composer.attach(files));
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
        { attrs: { "aria-label": "Your rooms" } },
        h("div", { class: "brand" }, mark(), h("span", {}, "Rambla"), find),
        this.side.element,
        h("div", { class: "me" }, me, this.bell.element, signOut),
      ),
      this.welcome,
      this.everything.element,
      this.room,
      this.notice,
      this.announcer.element,
      this.search.element,
    );
    this.element.addEventListener("find", (event) => this.search.open(event instanceof CustomEvent ? String(event.detail) : ""));
    document.addEventListener("keydown", this.pressed);
    document.addEventListener("visibilitychange", this.seen);
    this.draw();
  }

  /** Goes to what was found: among the others of its place, or by itself where it is too far back. */
  private async reveal(found: Found): Promise<void> {
    if (found.post === "") return;
    const { desk } = this;
    try {
      if (await desk.shelf.reach(found.place, found.seq)) {
        showPost(this.element, found.post, () => desk.say("The post is not there any more."));
        return;
      }
      const post = await readOne(desk.reader, found.place, found.seq);
      if (post === null) desk.say("The post is not there any more.");
      else await showAlone(post, desk.media);
    } catch (err) {
      desk.say(sentenceOf(err));
    }
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
    document.removeEventListener("keydown", this.pressed);
    document.title = "Rambla";
  }

  private draw(): void {
    this.drawing = undefined;
    const { open, room, connection, notice, shelf, feed } = this.desk;
    this.banner.update(connection);
    this.element.dataset["connection"] = connection.is;
    this.read();
    this.side.update();
    this.bell.update();
    this.element.classList.toggle("reading", open !== null || feed.isOpen);
    this.room.hidden = open === null;
    this.everything.element.hidden = !feed.isOpen;
    this.welcome.hidden = open !== null || feed.isOpen;
    let name = this.head.update();
    if (open !== null) {
      const mayWrite = kindOf(open.place) === "user" ? idOf(open.place) === this.desk.me.id : room?.may("write");
      this.composer.element.hidden = mayWrite === undefined ? shelf.obstacle !== "" : !mayWrite;
      this.readOnly.hidden = mayWrite !== false || kindOf(open.place) === "user";
      this.composer.update(open.place, kindOf(open.place) === "user" ? "Write on your wall" : `Message to ${name}`);
      setText(this.typing, typingWords(this.desk.company.typing(open.place)));
    }
    this.stream.update();
    this.everything.update();
    if (feed.isOpen) name = "Everything";
    this.turnTo(feed.isOpen ? everything : (open?.place ?? ""));
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
    if (place !== "" && place !== everything && window.matchMedia("(hover: hover)").matches) this.composer.focus();
  }

  private write(written: Written): boolean {
    const { open } = this.desk;
    const isTaken = open !== null && this.desk.write({ ...written, place: open.place, thread: "" });
    if (isTaken) this.stream.toEnd();
    return isTaken;
  }

  /** The button that had the focus may be gone now. */
  private turned(): void {
    if (document.activeElement === document.body || document.activeElement?.closest("[hidden]") !== null) this.composer.focus();
  }
}

function typingWords(names: readonly string[]): string {
  if (names.length === 0) return "";
  if (names.length > 2) return "Several people are typing…";
  return `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing…`;
}

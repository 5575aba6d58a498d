import { addressOf, placeOf } from "../place.ts";
import { sentenceOf } from "../problem.ts";
import { portrait } from "./avatar.ts";
import { momentOf } from "./clock.ts";
import { ask } from "./dialog.ts";
import { h, setText } from "./dom.ts";
import type { Host } from "./host.ts";
import { portraitChooser } from "./portrait.ts";

/** Who somebody is, and what one can do about them. */
export async function personCard(host: Host, name: string): Promise<void> {
  const { desk } = host;
  const isMe = name === desk.me.id;
  let person = { id: name, name };
  let follows = false;
  let blocks = false;
  let ignores = false;
  try {
    const none = new Set<string>();
    const [found, following, blocked, ignored] = await Promise.all([
      desk.deeds.person(name),
      isMe ? none : desk.deeds.following(desk.me.id),
      isMe ? none : desk.deeds.blocked(),
      isMe ? none : desk.deeds.ignored(),
    ]);
    person = found ?? person;
    follows = following.has(name);
    blocks = blocked.has(name);
    ignores = ignored.has(name);
  } catch (err) {
    desk.say(sentenceOf(err));
    return;
  }
  const follow = toggle(follows, ["Follow", "Unfollow"], (on) => desk.deeds.follow(name, on));
  const ignore = toggle(ignores, ["Ignore", "Listen again"], (on) => desk.deeds.ignore(name, on));
  ignore.title = "No notifications, and nothing on your timeline, of what they write. They are not told.";
  const block = toggle(blocks, ["Block", "Unblock"], (on) => desk.deeds.block(name, on));
  let picture = portrait(person.id, person.name, desk.media);
  const repicture = () => {
    desk.media.changed(person.id);
    const next = portrait(person.id, person.name, desk.media);
    picture.replaceWith(next);
    picture = next;
    desk.redraw();
  };
  const content = [
    h("div", { class: "who" }, picture, h("div", {}, h("p", { class: "muted" }, `@${person.id}`), h("p", {}, presenceWords(host, name)))),
    isMe ? portraitChooser(host, { path: `/people/${encodeURIComponent(person.id)}`, changed: repicture }) : h("div", { class: "turns" }, follow, ignore, block),
  ];
  const choices = [{ value: "", words: "Close" }, { value: "wall", words: "Wall" }, ...(isMe ? [] : [{ value: "talk", words: "Message" }])];
  const choice = await ask(person.name, content, ...choices);
  if (choice === "wall") location.hash = addressOf(placeOf("user", person.id));
  if (choice !== "talk") return;
  const place = await desk.deeds.converse([person.id], "");
  if (place !== "") location.hash = addressOf(place);
}

/** A button for what is on or off; its words say what it does then. */
function toggle(is: boolean, [on, off]: readonly [string, string], turn: (on: boolean) => Promise<boolean>): HTMLButtonElement {
  const button = h("button", { class: "quiet", attrs: { type: "button" } });
  const show = () => {
    setText(button, is ? off : on);
    button.setAttribute("aria-pressed", `${is}`);
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    if (await turn(!is)) is = !is;
    button.disabled = false;
    show();
    button.focus();
  });
  show();
  return button;
}

/** In words; empty where it is not known. */
export function presenceWords(host: Host, name: string): string {
  const presence = host.desk.company.presence(name);
  if (presence === undefined) return "";
  if (presence.status !== "offline") return { online: "Online", away: "Away", busy: "Busy" }[presence.status] ?? "";
  return presence.lastSeen === 0 ? "Offline" : `Last seen ${momentOf(presence.lastSeen)}`;
}

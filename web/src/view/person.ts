import { addressOf, placeOf } from "../place.ts";
import { sentenceOf } from "../problem.ts";
import { avatar } from "./avatar.ts";
import { momentOf } from "./clock.ts";
import { ask } from "./dialog.ts";
import { h, setText } from "./dom.ts";
import type { Host } from "./host.ts";

/** Who somebody is, and what one can do about them. */
export async function personCard(host: Host, name: string): Promise<void> {
  const { desk } = host;
  const isMe = name === desk.me.id;
  let person = { id: name, name };
  let follows = false;
  try {
    const [found, following] = await Promise.all([desk.deeds.person(name), isMe ? new Set<string>() : desk.deeds.following(desk.me.id)]);
    person = found ?? person;
    follows = following.has(name);
  } catch (err) {
    desk.say(sentenceOf(err));
    return;
  }
  const follow = h("button", { class: "quiet", attrs: { type: "button" } });
  const show = () => {
    setText(follow, follows ? "Unfollow" : "Follow");
    follow.setAttribute("aria-pressed", `${follows}`);
  };
  follow.addEventListener("click", async () => {
    follow.disabled = true;
    if (await desk.deeds.follow(name, !follows)) follows = !follows;
    follow.disabled = false;
    show();
    follow.focus();
  });
  show();
  const content = [
    h("div", { class: "who" }, avatar(person.id, person.name), h("div", {}, h("p", { class: "muted" }, `@${person.id}`), h("p", {}, presenceWords(host, name)))),
    ...(isMe ? [] : [follow]),
  ];
  const choices = [{ value: "", words: "Close" }, { value: "wall", words: "Wall" }, ...(isMe ? [] : [{ value: "talk", words: "Message" }])];
  const choice = await ask(person.name, content, ...choices);
  if (choice === "wall") location.hash = addressOf(placeOf("user", person.id));
  if (choice !== "talk") return;
  const place = await desk.deeds.converse([person.id], "");
  if (place !== "") location.hash = addressOf(place);
}

/** In words; empty where it is not known. */
export function presenceWords(host: Host, name: string): string {
  const presence = host.desk.company.presence(name);
  if (presence === undefined) return "";
  if (presence.status !== "offline") return { online: "Online", away: "Away", busy: "Busy" }[presence.status] ?? "";
  return presence.lastSeen === 0 ? "Offline" : `Last seen ${momentOf(presence.lastSeen)}`;
}

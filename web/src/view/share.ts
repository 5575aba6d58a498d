import { kindOf, placeOf } from "../place.ts";
import type { Post } from "../post.ts";
import { ask } from "./dialog.ts";
import { h } from "./dom.ts";
import type { Host } from "./host.ts";

/** Asks where a post is to be shared, and with which words. */
export async function share(host: Host, post: Post): Promise<void> {
  const { desk } = host;
  const contexts = desk.rooms.all().filter((room) => kindOf(room.place) === "ctx" && room.isMember && room.may("write") && room.place !== post.place);
  const options = [{ place: placeOf("user", desk.me.id), name: "My wall" }, ...contexts];
  const where = h("select", {}, ...options.map((option) => h("option", { attrs: { value: option.place } }, option.name)));
  const words = h("textarea", { attrs: { rows: "2", maxlength: "4000" } });
  const choice = await ask(
    `Share what ${post.actorName} said`,
    [h("label", { class: "field" }, "Where", where), h("label", { class: "field" }, "A word of your own", words)],
    { value: "", words: "Cancel" },
    { value: "share", words: "Share" },
  );
  if (choice === "share") await desk.deeds.share(post, where.value, words.value.trim());
}

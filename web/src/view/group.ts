import type { Room } from "../room.ts";
import { asked, ask, confirmed } from "./dialog.ts";
import { h } from "./dom.ts";
import type { Host } from "./host.ts";
import type { Choice } from "./menu.ts";
import { pick } from "./picker.ts";

/** What one can do about a group in which one takes part, but for leaving it. */
export function groupChoices(host: Host, room: Room): Choice[] {
  const choices: Choice[] = [{ words: "Who takes part", choose: () => void showPeople(room) }];
  if (room.owner !== host.desk.me.id) return choices;
  choices.push({ words: "Rename…", choose: () => void rename(host, room) }, { words: "Add people…", choose: () => void addPeople(host, room) });
  if (room.people.length > 1) {
    choices.push({ words: "Remove somebody…", choose: () => void dismiss(host, room) }, { words: "Hand over…", choose: () => void handOver(host, room) });
  }
  choices.push({ words: "End the group…", choose: () => void end(host, room) });
  return choices;
}

async function showPeople(room: Room): Promise<void> {
  const names = room.people.map((person) => h("li", {}, person.id === room.owner ? `${person.name} (owner)` : person.name));
  await ask(room.name, [h("ul", { class: "names" }, ...names)], { value: "", words: "Close" });
}

async function rename(host: Host, room: Room): Promise<void> {
  const name = await asked("Rename the group", "Name", room.name, "Rename");
  if (name !== null && name !== "") await host.desk.deeds.rename(room.place, name);
}

async function addPeople(host: Host, room: Room): Promise<void> {
  const picked = await pick(host.desk, "Add people", "Add", room.people.map((person) => person.id), false);
  for (const person of picked?.people ?? []) await host.desk.deeds.add(room.place, person);
}

async function dismiss(host: Host, room: Room): Promise<void> {
  const person = await other(host, room, "Remove somebody", "They read nothing more of it from then on.", "Remove");
  if (person !== "") await host.desk.deeds.dismiss(room.place, person);
}

async function handOver(host: Host, room: Room): Promise<void> {
  const person = await other(host, room, "Hand the group over", "They decide from then on who takes part. You can leave then.", "Hand over");
  if (person !== "") await host.desk.deeds.handOver(room.place, person);
}

async function end(host: Host, room: Room): Promise<void> {
  if (!(await confirmed(`End ${room.name}?`, "Nobody reads or writes it any more.", "End it", "Keep it"))) return;
  if (await host.desk.deeds.end(room.place)) location.hash = "#/";
}

/** Asks for one of the others who take part; empty where it is given up. */
async function other(host: Host, room: Room, title: string, detail: string, yes: string): Promise<string> {
  const others = room.people.filter((person) => person.id !== host.desk.me.id);
  const whom = h("select", {}, ...others.map((person) => h("option", { attrs: { value: person.id } }, `${person.name} (@${person.id})`)));
  const choice = await ask(title, [h("p", {}, detail), h("label", { class: "field" }, "Whom", whom)], { value: "", words: "Cancel" }, { value: "yes", words: yes });
  return choice === "yes" ? whom.value : "";
}

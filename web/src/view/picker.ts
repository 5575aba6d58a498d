import { sentenceOf } from "../problem.ts";
import type { Desk } from "../desk.ts";
import type { Person } from "../room.ts";
import { ask } from "./dialog.ts";
import { h, setText } from "./dom.ts";

/** As many as a list shows without getting unreadable; more are found by typing. */
const shown = 50;

export interface Picked {
  readonly people: readonly string[];
  /** What a group is called; empty for none. */
  readonly name: string;
}

/** Asks for people; null where it is given up. namesGroup also asks for the name of a group. */
export async function pick(desk: Desk, title: string, yes: string, except: readonly string[], namesGroup: boolean): Promise<Picked | null> {
  let people: Person[];
  try {
    people = (await desk.deeds.people()).filter((person) => person.id !== desk.me.id && !except.includes(person.id));
  } catch (err) {
    desk.say(sentenceOf(err));
    return null;
  }
  const picked = new Set<string>();
  const search = h("input", { attrs: { type: "search", autocomplete: "off" } });
  const list = h("ul", { class: "people" });
  const count = h("p", { class: "muted", attrs: { role: "status" } });
  const name = h("input", { attrs: { maxlength: "100", autocomplete: "off" } });
  const naming = h("label", { class: "field" }, "Name of the group (for more than one)", name);
  const draw = () => {
    const wanted = search.value.trim().toLowerCase();
    const found = people.filter((person) => person.name.toLowerCase().includes(wanted) || person.id.includes(wanted));
    list.replaceChildren(...found.slice(0, shown).map((person) => choice(person, picked, told)));
    told();
  };
  const told = () => {
    setText(count, picked.size === 0 ? "Nobody chosen yet." : `${picked.size} chosen`);
    naming.hidden = !namesGroup || picked.size < 2;
  };
  search.addEventListener("input", draw);
  draw();
  const content = [h("label", { class: "field" }, "Find people", search), list, count, naming];
  const answer = await ask(title, content, { value: "", words: "Cancel" }, { value: "yes", words: yes });
  return answer === "yes" && picked.size > 0 ? { people: [...picked], name: picked.size > 1 ? name.value.trim() : "" } : null;
}

function choice(person: Person, picked: Set<string>, changed: () => void): HTMLLIElement {
  const box = h("input", { attrs: { type: "checkbox" } });
  box.checked = picked.has(person.id);
  box.addEventListener("change", () => {
    if (box.checked) picked.add(person.id);
    else picked.delete(person.id);
    changed();
  });
  return h("li", {}, h("label", {}, box, h("span", {}, person.name), h("span", { class: "muted" }, `@${person.id}`)));
}

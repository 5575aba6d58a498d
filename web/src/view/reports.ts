import { sentenceOf } from "../problem.ts";
import type { Report } from "../report.ts";
import type { Room } from "../room.ts";
import { ask } from "./dialog.ts";
import { h, setText } from "./dom.ts";
import type { Host } from "./host.ts";

/** Shows what is reported in a context; each is resolved in its place. */
export async function showReports(host: Host, room: Room): Promise<void> {
  let open: Report[];
  try {
    open = await host.desk.deeds.reports(room.place);
  } catch (err) {
    host.desk.say(sentenceOf(err));
    return;
  }
  const count = h("p", { class: "muted", attrs: { role: "status" } });
  const list = h("ul", { class: "reports" });
  const tell = () => setText(count, open.length === 0 ? "Nothing is open." : open.length === 1 ? "One is open." : `${open.length} are open.`);
  const resolved = (report: Report, row: HTMLElement) => {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    open = open.filter((other) => other !== report);
    row.remove();
    tell();
    (next?.querySelector("input") ?? list.closest("dialog")?.querySelector<HTMLElement>(".choices button"))?.focus();
  };
  list.append(...open.map((report) => rowOf(host, report, count, (row) => resolved(report, row))));
  tell();
  await ask(`Reports in ${room.name}`, [count, list], { value: "", words: "Close" });
}

function rowOf(host: Host, report: Report, status: HTMLElement, resolved: (row: HTMLElement) => void): HTMLLIElement {
  const { deeds } = host.desk;
  const outcome = h("input", { attrs: { maxlength: "500", autocomplete: "off" } });
  const button = h("button", { class: "quiet", attrs: { type: "button" } }, "Resolve");
  const said = report.post === null ? [] : [h("blockquote", {}, report.post.content)];
  const about = report.post === null ? "a post that is not yours to read" : `what ${report.post.actorName} said`;
  const row = h(
    "li",
    {},
    h("p", {}, `${report.reporter} reported ${about}:`),
    ...said,
    h("p", { class: "reason" }, report.reason),
    h("label", { class: "field" }, "What came of it", outcome),
    button,
  );
  const resolve = async () => {
    const words = outcome.value.trim();
    if (words === "") {
      setText(status, "Say what came of it.");
      outcome.focus();
      return;
    }
    button.disabled = true;
    const isDone = await deeds.resolve(report, words);
    button.disabled = false;
    if (isDone) resolved(row);
    else setText(status, host.desk.notice);
  };
  button.addEventListener("click", () => void resolve());
  outcome.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation(); // in a dialog it means its last button
    void resolve();
  });
  return row;
}

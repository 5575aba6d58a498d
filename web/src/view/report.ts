import type { Post } from "../post.ts";
import { ask } from "./dialog.ts";
import { h } from "./dom.ts";
import type { Host } from "./host.ts";

/** Asks what is wrong with a post or comment, and tells those who moderate. */
export async function report(host: Host, post: Post): Promise<void> {
  const { desk } = host;
  const reason = h("textarea", { attrs: { rows: "3", maxlength: "1000", required: "" } });
  const choice = await ask(
    `Report what ${post.actorName} said`,
    [h("p", {}, "Those who moderate see it, and who reported it."), h("label", { class: "field" }, "What is wrong with it?", reason)],
    { value: "", words: "Cancel" },
    { value: "report", words: "Report" },
  );
  if (choice === "report" && (await desk.deeds.report(post, reason.value.trim()))) desk.say("Thank you. Those who moderate have been told.");
}

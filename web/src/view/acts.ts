import { kindOf } from "../place.ts";
import type { Entry } from "../timeline.ts";
import { ask, confirmed } from "./dialog.ts";
import { h, setText } from "./dom.ts";
import type { Host } from "./host.ts";
import { menuButton, type Choice } from "./menu.ts";
import { report } from "./report.ts";
import { share } from "./share.ts";

/** What one can do with a post: a few buttons, and the rest in a menu. */
export class Acts {
  private readonly likeCount = h("span");
  private readonly like = h(
    "button",
    { class: "act like", attrs: { type: "button", "aria-pressed": "false", "aria-label": "Like" }, on: { click: () => this.toggleLike() } },
    h("span", { class: "heart", attrs: { "aria-hidden": "true" } }, "♥"),
    this.likeCount,
  );
  private readonly comments = h("button", { class: "act", attrs: { type: "button" }, on: { click: () => this.host.desk.threads.toggle(this.entry.post) } });
  private readonly answer = h("button", { class: "act", attrs: { type: "button" }, on: { click: () => this.host.answer(this.entry.post) } }, "Reply");
  readonly element: HTMLElement;
  private entry!: Entry;

  constructor(
    private readonly host: Host,
    private readonly edit: () => void,
  ) {
    const more = menuButton("More actions", "⋯", () => this.choices());
    this.element = h("div", { class: "acts" }, this.like, this.comments, this.answer, more);
  }

  update(entry: Entry): void {
    this.entry = entry;
    const { post } = entry;
    const tally = this.host.desk.tallies.of(post.id);
    const isMessage = kindOf(post.place) === "conv";
    this.element.hidden = entry.removed;
    this.like.hidden = post.isComment;
    this.like.setAttribute("aria-pressed", `${tally.isLiked}`);
    this.like.setAttribute("aria-label", tally.likes === 0 ? "Like" : `Like, ${tally.likes}`);
    setText(this.likeCount, tally.likes === 0 ? "" : `${tally.likes}`);
    this.comments.hidden = isMessage || post.isComment;
    const isOpen = this.host.desk.threads.get(post.id) !== undefined;
    this.comments.setAttribute("aria-expanded", `${isOpen}`);
    setText(this.comments, tally.comments === 0 ? "Comment" : tally.comments === 1 ? "1 comment" : `${tally.comments} comments`);
    this.comments.classList.toggle("counted", tally.comments > 0 || isOpen);
    this.like.classList.toggle("counted", tally.likes > 0);
    this.answer.hidden = !isMessage && !post.isComment;
  }

  private choices(): Choice[] {
    const { post } = this.entry;
    const { desk } = this.host;
    const tally = desk.tallies.of(post.id);
    const room = desk.rooms.get(post.place);
    const isMine = post.actor === desk.me.id;
    const isActivity = kindOf(post.place) !== "conv" && !post.isComment;
    const choices: Choice[] = [];
    if (tally.likes > 0 && isActivity) choices.push({ words: "Who likes this", choose: () => void this.showLikers() });
    if (isActivity) choices.push({ words: "Favorite", isOn: tally.isFavorite, choose: () => void desk.deeds.favor(post, !tally.isFavorite) });
    if (isActivity && kindOf(post.place) === "ctx" && room?.may("flag") === true) {
      choices.push({ words: "Highlight", isOn: tally.isFlagged, choose: () => void desk.deeds.flag(post, !tally.isFlagged) });
    }
    if (isActivity && post.to.length === 0 && post.type !== "Announce") choices.push({ words: "Share…", choose: () => void share(this.host, post) });
    choices.push({ words: `About ${post.actorName}`, choose: () => this.host.card(post.actor) });
    if (!isMine && kindOf(post.place) !== "conv") choices.push({ words: "Report…", choose: () => void report(this.host, post) });
    if (isMine) choices.push({ words: "Edit", choose: this.edit });
    if (isMine || (kindOf(post.place) === "ctx" && room?.may("delete") === true)) {
      choices.push({ words: "Remove…", choose: () => void this.remove() });
    }
    return choices;
  }

  private toggleLike(): void {
    const { post } = this.entry;
    void this.host.desk.deeds.like(post, !this.host.desk.tallies.of(post.id).isLiked);
  }

  private async remove(): Promise<void> {
    const { post } = this.entry;
    if (await confirmed("Remove this for good?", "Its text is erased for everybody.", "Remove", "Keep")) await this.host.desk.deeds.remove(post);
  }

  private async showLikers(): Promise<void> {
    const people = await this.host.desk.deeds.likers(this.entry.post).catch(() => []);
    const names = people.map((person) => h("li", {}, person.name));
    await ask("Liked by", [names.length > 0 ? h("ul", { class: "names" }, ...names) : h("p", {}, "Nobody any more.")], { value: "", words: "Close" });
  }
}

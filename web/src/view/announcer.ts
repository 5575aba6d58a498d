import type { Post } from "../post.ts";
import { h, setText } from "./dom.ts";

/** Messages that come in one breath are told in one breath. */
const breath = 600; // ms
const most = 3;

/**
 * Reads new messages of others out to a screen reader. The list itself is no
 * live region: it would read out the history as well.
 */
export class Announcer {
  readonly element = h("div", { class: "unseen", attrs: { role: "log", "aria-live": "polite" } });
  private readonly line = h("p");
  private heard: Post[] = [];
  private count = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.element.append(this.line);
  }

  hear(posts: readonly Post[]): void {
    this.count += posts.length;
    this.heard = [...this.heard, ...posts].slice(0, most);
    this.timer ??= setTimeout(() => this.tell(), breath);
  }

  private tell(): void {
    const told =
      this.count > most
        ? `${this.count} new messages`
        : this.heard.map((post) => `${post.actorName}: ${post.content}`).join("\n");
    this.timer = undefined;
    this.heard = [];
    this.count = 0;
    // The same words twice are two messages: without a change nobody hears the second.
    setText(this.line, told === this.line.textContent ? `${told}\u00a0` : told);
  }
}

import type { LiveState } from "../live.ts";
import { h, setText } from "./dom.ts";

/** A short interruption is not worth an alarm. */
const grace = 700; // ms

/** Tells, for as long as it is so, that the page is not connected. */
export class Banner {
  private readonly words = h("span", { attrs: { role: "status" } });
  private readonly wait = h("span", { class: "wait" });
  private readonly button: HTMLButtonElement;
  readonly element: HTMLElement;
  private state: LiveState = { is: "connecting" };
  private lostAt = 0;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(hurry: () => void) {
    this.button = h("button", { class: "quiet", attrs: { type: "button" }, on: { click: hurry } }, "Try now");
    this.element = h("section", { class: "banner", attrs: { "aria-label": "Connection" } }, this.words, this.wait, this.button);
  }

  update(state: LiveState): void {
    if (state.is === "online") {
      this.lostAt = 0;
      clearInterval(this.timer);
      this.timer = undefined;
    } else if (this.lostAt === 0) {
      this.lostAt = Date.now();
      this.timer = setInterval(() => this.show(), 250);
    }
    this.state = state;
    this.show();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private show(): void {
    const isLost = this.lostAt !== 0 && (this.state.is === "waiting" || Date.now() - this.lostAt >= grace);
    // The empty region stays on the page: one that appears with its words is
    // not read out by every screen reader.
    this.element.classList.toggle("lost", isLost);
    this.wait.hidden = this.button.hidden = !isLost;
    // The status region says one thing once; the countdown beside it is for the eye.
    setText(this.words, isLost ? "Disconnected. What you write is kept and sent later." : "");
    const left = this.state.is === "waiting" ? Math.max(0, Math.ceil((this.state.retryAt - Date.now()) / 1000)) : 0;
    setText(this.wait, left > 0 ? `Trying again in ${left} s` : "Connecting…");
    this.button.disabled = this.state.is !== "waiting";
  }
}

import type { Notifier } from "../notifier.ts";
import { h } from "./dom.ts";

/** The switch for notifications of this browser. */
export class Bell {
  readonly element = h("button", { class: "quiet", attrs: { type: "button", hidden: "" }, on: { click: () => this.turn() } }, "Notify me");

  constructor(
    private readonly notifier: Notifier,
    private readonly say: (sentence: string) => void,
  ) {}

  update(): void {
    const { state } = this.notifier;
    this.element.hidden = state === "unavailable";
    this.element.setAttribute("aria-pressed", String(state === "on"));
    this.element.title = state === "on" ? "This browser notifies you while the page is closed" : "Be notified while the page is closed";
  }

  private turn(): void {
    if (this.notifier.state === "on") void this.notifier.turnOff();
    else if (this.notifier.state === "denied") this.say("Notifications of this site are blocked; allow them in the browser's settings first.");
    else void this.notifier.turnOn();
  }
}

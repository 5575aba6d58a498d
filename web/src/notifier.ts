import type { Word } from "./notice.ts";
import { text, type Fields } from "./post.ts";
import { Problem, sentenceOf } from "./problem.ts";
import type { Doer } from "./rest.ts";

/** A PushSubscription, as far as it is used here. */
export interface Subscription {
  readonly options: { readonly applicationServerKey: ArrayBuffer | null };
  toJSON(): unknown;
  unsubscribe(): Promise<boolean>;
}

/** What the browser can do about pushes; a test has its own. */
export interface Pusher {
  /** Of the browser, as a tag. */
  readonly language: string;
  readonly permission: NotificationPermission;
  ask(): Promise<NotificationPermission>;
  /** The subscription there is; null for none. */
  current(): Promise<Subscription | null>;
  subscribe(key: Uint8Array<ArrayBuffer>): Promise<Subscription>;
}

export type NotifierState =
  /** Not in this browser, or not on this site. */
  | "unavailable"
  | "off"
  | "on"
  /** The person has forbidden it in the browser, where alone it can be allowed again. */
  | "denied";

type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** Who has turned notifications on in this browser. */
const place = "rambla.notify";

/**
 * Notifications of this browser for the signed-in person, while no page is open.
 *
 * A browser has one subscription for all its tabs and people. So it is kept in
 * mind whose it is: whoever else signs in ends it, and does not inherit it.
 */
export class Notifier {
  state: NotifierState = "unavailable";
  private key = "";
  private device = "";
  private hasLeft = false;
  /** One thing at a time. */
  private busy: Promise<void> = Promise.resolve();

  constructor(
    private readonly me: string,
    /** Of the page's MQTT session: what it acknowledges is not pushed. */
    private readonly clientID: string,
    private readonly rest: Doer,
    private readonly pusher: Pusher | null,
    private readonly store: Store,
    private readonly events: { changed(): void; say(sentence: string): void },
  ) {}

  /** Finds out how it stands, and registers anew what was on before; nothing while the server is away. */
  start(): Promise<void> {
    return this.next(async () => {
      if (this.pusher === null || this.state !== "unavailable" || this.hasLeft) return;
      const info = await this.rest.get("/info").catch((err: unknown) => {
        if (err instanceof Problem && err.isPassing) return {};
        throw err;
      });
      this.key = text((info as Fields)["vapidPublicKey"]);
      if (this.key === "") return;
      const current = await this.pusher.current();
      const isMine = this.store.getItem(place) === this.me;
      if (!isMine) await current?.unsubscribe();
      this.state = this.pusher.permission === "denied" ? "denied" : "off";
      if (isMine && this.pusher.permission === "granted") await this.register();
    });
  }

  /** Asks for the permission, so a click has to be behind it. */
  turnOn(): Promise<void> {
    return this.next(async () => {
      if (this.pusher === null || this.state === "unavailable" || this.state === "on") return;
      const permission = await this.pusher.ask();
      this.state = permission === "denied" ? "denied" : "off";
      if (permission === "granted") await this.register();
    });
  }

  turnOff(): Promise<void> {
    return this.next(async () => {
      if (this.state !== "on") return;
      await this.forget();
      this.state = "off";
      if (this.device !== "") await this.rest.delete(`/me/devices/${encodeURIComponent(this.device)}`);
      this.device = "";
    });
  }

  /** Signing out: the server forgets the device with the grant. */
  leave(): Promise<void> {
    return this.next(async () => {
      if (this.state === "on") await this.forget();
      this.state = "unavailable";
      this.hasLeft = true;
    });
  }

  hear(word: Word): void {
    if (word.say === "subscribed" && this.state === "on") void this.next(() => this.register());
  }

  private async register(): Promise<void> {
    const subscription = await this.subscription();
    const answer = await this.rest.post("/me/devices", {
      platform: "webpush",
      subscription: subscription.toJSON(),
      mqttClientId: this.clientID,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      locale: this.pusher?.language ?? "",
    });
    this.device = text(answer["id"]);
    this.store.setItem(place, this.me);
    this.state = "on";
  }

  /** The one there is, if it was made for the key that the server signs with now. */
  private async subscription(): Promise<Subscription> {
    const pusher = this.pusher as Pusher;
    const key = bytesOf(this.key);
    const current = await pusher.current();
    if (current !== null) {
      const made = new Uint8Array(current.options.applicationServerKey ?? new ArrayBuffer(0));
      if (made.length === key.length && made.every((byte, i) => byte === key[i])) return current;
      await current.unsubscribe();
    }
    return pusher.subscribe(key).catch(() => {
      throw new Problem(0, "push_service", "The browser cannot reach its push service; notifications stay off.");
    });
  }

  private async forget(): Promise<void> {
    this.store.removeItem(place);
    await (await this.pusher?.current())?.unsubscribe();
  }

  private next(what: () => Promise<void>): Promise<void> {
    this.busy = this.busy
      .then(what)
      .catch((err: unknown) => this.events.say(sentenceOf(err)))
      .then(() => this.events.changed());
    return this.busy;
  }
}

/** Reads base64url. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

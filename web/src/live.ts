import Paho from "paho-mqtt";
import { Backoff } from "./backoff.ts";

export type LiveState =
  | { readonly is: "connecting" }
  | { readonly is: "online" }
  /** retryAt in milliseconds since 1970. */
  | { readonly is: "waiting"; readonly retryAt: number };

export interface LiveOptions {
  /** ws:// or wss:// address of the server's MQTT entrance. */
  readonly url: string;
  readonly username: string;
  /** Gives a token that works, or throws a Problem. */
  readonly token: () => Promise<string>;
  /** Called when the server turned a connection away: is it about who we are? */
  readonly turnedAway: () => Promise<void>;
  readonly clientID: string;
}

export interface LiveEvents {
  state(state: LiveState): void;
  /** Connected, and every subscription is in force. */
  ready(): void;
  message(topic: string, payload: string): void;
  /** The server has taken responsibility for what was sent under this mark. */
  acknowledged(mark: string): void;
  /** The server refuses this subscription; the others stand. */
  refused(filter: string): void;
}

// Seconds, as the client library counts.
const connectTimeout = 10;
const subscribeTimeout = 10;
const keepAlive = 60;

/** A connection that held this long was a good one: the next failure is a first one. */
const steady = 5_000; // ms

const connackRefused = 6; // Paho: the CONNACK carried a return code other than 0
const subackRefused = 0x80; // [MQTT-3.9.3-2]

/**
 * One MQTT 3.1.1 connection that is kept up until stop. Sessions are clean:
 * what was missed is read over REST, and what was not acknowledged is sent
 * again by whoever wrote it.
 */
export class Live {
  private client: Paho.Client | null = null;
  private readonly filters = new Set<string>();
  /** Those of the filters that the present connection is subscribed to. */
  private readonly inForce = new Set<string>();
  private isOnline = false;
  private isRunning = false;
  /** Tells callbacks of an abandoned attempt from those of the present one. */
  private attempt = 0;
  private readonly backoff = new Backoff();
  private retry: ReturnType<typeof setTimeout> | undefined;
  private calm: ReturnType<typeof setTimeout> | undefined;
  private readonly marks = new Map<Paho.Message, string>();

  constructor(
    private readonly options: LiveOptions,
    private readonly events: LiveEvents,
  ) {}

  start(): void {
    this.isRunning = true;
    void this.connect();
  }

  stop(): void {
    this.isRunning = false;
    this.abandon();
    forgetStoredMessages();
  }

  /** Tries at once instead of at the end of the wait. */
  hurry(): void {
    if (!this.isRunning || this.isOnline || this.retry === undefined) return;
    void this.connect();
  }

  /** The network is known to be gone: no need to wait until the keep-alive finds out. */
  lose(): void {
    if (this.isRunning && this.client !== null) this.failed();
  }

  /**
   * Adds a subscription, now and on every later connection. Resolves to true
   * when it is in force, to false where there is no connection or it is refused.
   */
  async follow(filter: string): Promise<boolean> {
    this.filters.add(filter);
    const client = this.client;
    if (this.inForce.has(filter)) return true;
    if (!this.isOnline || client === null) return false;
    return (await this.subscribe(client, filter)) === "granted";
  }

  unfollow(filter: string): void {
    this.filters.delete(filter);
    if (!this.inForce.delete(filter)) return;
    try {
      this.client?.unsubscribe(filter);
    } catch {
      // The connection went in this moment; the next one does not subscribe it.
    }
  }

  /** Publishes at QoS 1. False where there is no connection to send on. */
  publish(topic: string, payload: string, mark: string): boolean {
    if (!this.isOnline || this.client === null) return false;
    const message = new Paho.Message(new TextEncoder().encode(payload));
    message.destinationName = topic;
    message.qos = 1;
    this.marks.set(message, mark);
    try {
      this.client.send(message);
    } catch {
      this.marks.delete(message);
      return false;
    } finally {
      forgetStoredMessages();
    }
    return true;
  }

  /** Publishes at QoS 0: what nobody is owed. */
  tell(topic: string, payload: string): void {
    if (!this.isOnline || this.client === null) return;
    const message = new Paho.Message(new TextEncoder().encode(payload));
    message.destinationName = topic;
    message.qos = 0;
    try {
      this.client.send(message);
    } catch {
      // The connection went in this moment, and with it what it was about.
    }
  }

  private async connect(): Promise<void> {
    this.abandon();
    const attempt = ++this.attempt;
    this.events.state({ is: "connecting" });
    let token: string;
    try {
      token = await this.options.token();
    } catch {
      // Passing, or the session has ended and stop follows; both in time.
      if (attempt === this.attempt) this.failed();
      return;
    }
    if (attempt !== this.attempt || !this.isRunning) return;
    const client = new Paho.Client(this.options.url, this.options.clientID);
    this.client = client;
    const isPresent = () => this.client === client;
    client.onConnectionLost = () => {
      if (isPresent()) this.failed();
    };
    client.onMessageArrived = (message) => {
      if (isPresent()) this.arrived(message);
    };
    client.onMessageDelivered = (message) => {
      const mark = this.marks.get(message);
      this.marks.delete(message);
      if (isPresent() && mark !== undefined) this.events.acknowledged(mark);
    };
    try {
      client.connect({
        userName: this.options.username,
        password: token,
        cleanSession: true,
        mqttVersion: 4, // 3.1.1; named, so that the library does not fall back to 3.1
        mqttVersionExplicit: true,
        timeout: connectTimeout,
        keepAliveInterval: keepAlive,
        onSuccess: () => {
          if (isPresent()) void this.connected(client);
        },
        onFailure: (err) => {
          if (isPresent()) void this.turnedAway(client, err.errorCode === connackRefused);
        },
      });
    } catch {
      // The browser does not let this page open the socket; it may do so later.
      this.failed();
    }
  }

  private async connected(client: Paho.Client): Promise<void> {
    const outcomes = await Promise.all([...this.filters].map((filter) => this.subscribe(client, filter)));
    if (this.client !== client) return;
    if (outcomes.includes("unanswered")) {
      this.failed();
      return;
    }
    this.isOnline = true;
    this.calm = setTimeout(() => this.backoff.reset(), steady);
    this.events.state({ is: "online" });
    this.events.ready();
  }

  private async turnedAway(client: Paho.Client, isRefused: boolean): Promise<void> {
    if (isRefused) {
      // A 3.1.1 refusal says little, and a token that has lost its grant is one
      // of its reasons: the REST side tells, renews, or ends the session.
      await this.options.turnedAway().catch(() => undefined);
    }
    if (this.client === client) this.failed();
  }

  private subscribe(client: Paho.Client, filter: string): Promise<"granted" | "refused" | "unanswered"> {
    return new Promise((resolve) => {
      try {
        client.subscribe(filter, {
          qos: 1,
          timeout: subscribeTimeout,
          onSuccess: () => {
            if (this.client === client && this.filters.has(filter)) this.inForce.add(filter);
            resolve("granted");
          },
          onFailure: (err) => {
            // Paho hands on the SUBACK's return codes as they came.
            const code: unknown = err.errorCode;
            const isRefused = ArrayBuffer.isView(code) || Array.isArray(code) || code === subackRefused;
            if (isRefused && this.client === client) this.events.refused(filter);
            resolve(isRefused ? "refused" : "unanswered");
          },
        });
      } catch {
        resolve("unanswered");
      }
    });
  }

  private arrived(message: Paho.Message): void {
    const bytes = message.payloadBytes;
    const payload = new TextDecoder().decode(bytes);
    this.events.message(message.destinationName, payload);
  }

  /** The present attempt or connection is over; the next one is set for later. */
  private failed(): void {
    this.abandon();
    if (!this.isRunning) return;
    const wait = this.backoff.next();
    this.retry = setTimeout(() => void this.connect(), wait);
    this.events.state({ is: "waiting", retryAt: Date.now() + wait });
  }

  private abandon(): void {
    clearTimeout(this.retry);
    clearTimeout(this.calm);
    this.retry = undefined;
    this.attempt++;
    this.isOnline = false;
    this.inForce.clear();
    this.marks.clear();
    const client = this.client;
    this.client = null;
    try {
      client?.disconnect();
    } catch {
      // It was not connected (yet): there is nothing to end.
    }
  }
}

/**
 * The library keeps what it has sent in localStorage until it is acknowledged.
 * Nothing here reads it back, and messages do not belong on the disk of a
 * shared machine.
 */
function forgetStoredMessages(): void {
  for (const key of Object.keys(localStorage)) {
    if (/^(Sent|Received):/.test(key)) localStorage.removeItem(key);
  }
}

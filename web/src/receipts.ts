import type { Place } from "./place.ts";

/** Receipts of one breath are one message. */
const breath = 250; // ms

interface Receipt {
  readonly delivered: number;
  readonly read: number;
}

/**
 * Tells the server how far this person has received and read. What it has not
 * acknowledged is told again on the next connection; markers only grow, so a
 * repeat changes nothing.
 */
export class Receipts {
  private readonly open = new Map<Place, Receipt>();
  private readonly sent = new Map<Place, Receipt>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** publish returns false where there is no connection. */
  constructor(private readonly publish: (topic: string, payload: string, mark: string) => boolean) {}

  delivered(place: Place, seq: number): void {
    this.note(place, { delivered: seq, read: 0 });
  }

  read(place: Place, seq: number): void {
    this.note(place, { delivered: seq, read: seq });
  }

  /** There is a connection again. */
  ready(): void {
    this.sent.clear();
    this.flush();
  }

  /** mark is what was given to publish. */
  acknowledged(mark: string): void {
    const sent = this.sent.get(mark);
    if (sent === undefined) return;
    this.sent.delete(mark);
    if (this.open.get(mark) === sent) this.open.delete(mark);
    else this.plan();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private note(place: Place, receipt: Receipt): void {
    const known = this.open.get(place) ?? { delivered: 0, read: 0 };
    if (receipt.delivered <= known.delivered && receipt.read <= known.read) return;
    this.open.set(place, { delivered: Math.max(known.delivered, receipt.delivered), read: Math.max(known.read, receipt.read) });
    this.plan();
  }

  private plan(): void {
    this.timer ??= setTimeout(() => this.flush(), breath);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const [place, receipt] of this.open) {
      // One at a time per place: the acknowledgement has to say of which.
      if (this.sent.has(place)) continue;
      if (this.publish(`${place}/receipts`, JSON.stringify(receipt), place)) this.sent.set(place, receipt);
    }
  }
}

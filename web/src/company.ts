import type { Place, Topic } from "./place.ts";
import { isFields, text, type Fields } from "./post.ts";
import { parsePerson, type Person } from "./room.ts";

export interface Presence {
  /** online, away, busy or offline. */
  readonly status: string;
  /** Milliseconds since 1970; 0 where it is not known or they are there. */
  readonly lastSeen: number;
}

export interface Reading {
  readonly delivered: number;
  readonly read: number;
  readonly name: string;
}

/** Who said so and nothing more for this long does not type any more. */
const typingLife = 5_000; // ms

/** Others are told this often, at most. */
const typingEvery = 3_000; // ms

/** The others: who is there, who types, and how far they have read. Nothing of it is stored. */
export class Company {
  private readonly presences = new Map<string, Presence>();
  private readonly attendances = new Map<Place, number>();
  private readonly readings = new Map<Place, Map<string, Reading>>();
  private readonly typists = new Map<Place, Map<string, { name: string; end: ReturnType<typeof setTimeout> }>>();
  private typedAt = 0;

  /** tell publishes what nobody is owed. */
  constructor(
    private readonly me: string,
    private readonly tell: (topic: string, payload: string) => void,
    private readonly changed: () => void,
    private readonly now: () => number = Date.now,
  ) {}

  presence(person: string): Presence | undefined {
    return this.presences.get(person);
  }

  /** How many are online there; 0 where it is not told. */
  online(place: Place): number {
    return this.attendances.get(place) ?? 0;
  }

  /** The names of those who are typing there. */
  typing(place: Place): string[] {
    return [...(this.typists.get(place)?.values() ?? [])].map((typist) => typist.name);
  }

  /** How far the others have read there, as far as they let it be known. */
  readers(place: Place): Reading[] {
    return [...(this.readings.get(place)?.values() ?? [])];
  }

  /** Returns whether the topic is one of these. */
  hear(topic: Topic, value: Fields): boolean {
    if (topic.word === "presence") this.heardPresence(topic, value);
    else if (topic.word === "typing") this.heardTyping(topic.place, value);
    else if (topic.word === "receipts") this.heardReceipt(topic.place, topic.rest, value);
    else return false;
    this.changed();
    return true;
  }

  /** They have written what they were typing. */
  spoke(place: Place, person: string): void {
    const typist = this.typists.get(place)?.get(person);
    if (typist === undefined) return;
    clearTimeout(typist.end);
    this.typists.get(place)?.delete(person);
    this.changed();
  }

  /** This person types there. */
  type(place: Place): void {
    if (this.now() - this.typedAt < typingEvery) return;
    this.typedAt = this.now();
    this.tell(`${place}/typing`, '{"typing":true}');
  }

  /** What was typed is on its way, or given up. */
  typed(place: Place): void {
    if (this.typedAt === 0) return;
    this.typedAt = 0;
    this.tell(`${place}/typing`, '{"typing":false}');
  }

  /** The connection is gone: what was heard may not be so any more. */
  lost(): void {
    for (const typists of this.typists.values()) for (const { end } of typists.values()) clearTimeout(end);
    this.typists.clear();
    this.presences.clear();
    this.attendances.clear();
  }

  private heardPresence(topic: Topic, value: Fields): void {
    const online = value["online"];
    if (typeof online === "number") {
      this.attendances.set(topic.place, online);
      return;
    }
    const person = parsePerson(value["actor"]);
    const seen = Date.parse(text(value["lastSeen"]));
    if (person !== null) this.presences.set(person.id, { status: text(value["status"]), lastSeen: Number.isNaN(seen) ? 0 : seen });
  }

  private heardTyping(place: Place, value: Fields): void {
    const person = parsePerson(value["actor"]);
    if (person === null || person.id === this.me) return;
    this.spoke(place, person.id);
    if (value["typing"] !== true) return;
    const typists = this.typists.get(place) ?? new Map<string, { name: string; end: ReturnType<typeof setTimeout> }>();
    this.typists.set(place, typists);
    typists.set(person.id, { name: person.name, end: setTimeout(() => this.spoke(place, person.id), typingLife) });
  }

  private heardReceipt(place: Place, name: string, value: Fields): void {
    if (name === this.me) return;
    const readings = this.readings.get(place) ?? new Map<string, Reading>();
    this.readings.set(place, readings);
    const count = (field: unknown) => (typeof field === "number" ? field : 0);
    const actor: Person | null = isFields(value["actor"]) ? parsePerson(value["actor"]) : null;
    readings.set(name, { delivered: count(value["delivered"]), read: count(value["read"]), name: actor?.name || name });
  }
}

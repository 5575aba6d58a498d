import { text } from "./post.ts";
import type { Doer } from "./rest.ts";

/** A token with less than this left is renewed before it is used. */
const margin = 5 * 60_000; // ms

/** How long after a failure it is tried again. */
const patience = 10_000; // ms

/** What an address is put into: an image, or a link. */
type Shown = { src: string } | { href: string };

/**
 * The addresses of files and pictures. A browser sends no Authorization header for
 * an image, so they carry a token of their own, which is good for reading files and
 * for nothing else, and for an hour. What waits for one gets it when it is there.
 */
export class Media {
  private token = "";
  private ends = 0;
  private fetching: Promise<string> | null = null;
  /** By person: how often the picture was changed here, so that it is asked for anew. */
  private readonly changes = new Map<string, number>();

  constructor(
    private readonly rest: Pick<Doer, "post">,
    private readonly now: () => number = Date.now,
  ) {}

  /** Shows the file at a path below /v1 in the element, as soon as there is a token. */
  show(element: Shown, path: string): void {
    const put = (token: string) => {
      if (token === "") return;
      const address = `/v1${path}${path.includes("?") ? "&" : "?"}t=${encodeURIComponent(token)}`;
      if ("src" in element) element.src = address;
      else element.href = address;
    };
    if (this.token !== "" && this.ends - this.now() > margin) put(this.token);
    else void this.renew().then(put);
  }

  /** Where the picture of a person is. */
  portrait(person: string): string {
    const change = this.changes.get(person) ?? 0;
    return `/people/${encodeURIComponent(person)}/avatar?size=96${change === 0 ? "" : `&v=${change}`}`;
  }

  /** The person's picture is another one now. */
  changed(person: string): void {
    this.changes.set(person, (this.changes.get(person) ?? 0) + 1);
  }

  /** Empty where there is none at the moment. */
  private renew(): Promise<string> {
    this.fetching ??= this.fetch();
    return this.fetching;
  }

  private async fetch(): Promise<string> {
    try {
      const answer = await this.rest.post("/me/media-token", {});
      const lifetime = answer["expiresIn"];
      this.token = text(answer["token"]);
      this.ends = this.now() + (typeof lifetime === "number" ? lifetime : 3600) * 1000;
      this.fetching = null;
      return this.token;
    } catch {
      // Names and letters stand where pictures would: nothing to tell of.
      setTimeout(() => (this.fetching = null), patience);
      return "";
    }
  }
}

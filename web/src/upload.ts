import { parseAttachment, type Attachment } from "./file.ts";
import { Problem, problemOf, sentenceOf } from "./problem.ts";

/** What is sent of a request that tells how far it is: XMLHttpRequest, as fetch tells nothing. */
export type Sender = Pick<XMLHttpRequest, "open" | "setRequestHeader" | "send" | "abort" | "status" | "responseText" | "upload" | "onload" | "onerror" | "onabort" | "withCredentials">;

/** What uploads need of the session. */
export interface Tokens {
  token(): Promise<string>;
  renew(stale: string): Promise<string>;
}

/** Sends a body and tells how far it is, from 0 to 1. Throws a Problem. */
export type Send = (method: string, path: string, body: Blob | FormData, progress: (part: number) => void, signal: AbortSignal) => Promise<unknown>;

/** Sends as the signed-in person. */
export function sender(tokens: Tokens, make: () => Sender = () => new XMLHttpRequest()): Send {
  return async (method, path, body, progress, signal) => {
    const token = await tokens.token();
    try {
      return await once(make(), method, path, body, progress, signal, token);
    } catch (err) {
      if (!(err instanceof Problem) || err.status !== 401) throw err;
    }
    return once(make(), method, path, body, progress, signal, await tokens.renew(token));
  };
}

function once(request: Sender, method: string, path: string, body: Blob | FormData, progress: (part: number) => void, signal: AbortSignal, token: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const lost = () => reject(new Problem(0, "unreachable", signal.aborted ? "The upload was cancelled." : "The connection broke off."));
    if (signal.aborted) return lost();
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = lost;
    request.onabort = lost;
    request.onload = () => {
      let answer: unknown = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // Nothing, or a proxy's page: the status says enough.
      }
      if (request.status >= 200 && request.status < 300) resolve(answer);
      else reject(problemOf(request.status, answer));
    };
    request.open(method, `/v1${path}`);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.send(body);
  });
}

/** One file on its way to the server. */
export interface Upload {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** From 0 to 1. */
  part: number;
  /** null: not there yet. */
  file: Attachment | null;
  /** Why it is not there; empty for none. */
  problem: string;
  readonly stop: AbortController;
}

/** How many uploads run at once; the others wait. The server lets a person have few. */
const atOnce = 2;

/** The files that are to hang on what is being written. */
export class Uploads {
  private all: Upload[] = [];
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(
    private readonly send: Send,
    private readonly changed: () => void,
  ) {}

  get list(): readonly Upload[] {
    return this.all;
  }

  /** Something is on its way, so that nothing can be sent yet. */
  get isBusy(): boolean {
    return this.all.some((upload) => upload.file === null && upload.problem === "");
  }

  /** Those that are there, in the order in which they were chosen. */
  get files(): Attachment[] {
    return this.all.map((upload) => upload.file).filter((file) => file !== null);
  }

  add(file: File): void {
    const upload: Upload = { name: file.name || "picture.png", size: file.size, part: 0, file: null, problem: "", stop: new AbortController() };
    this.all.push(upload);
    this.changed();
    void this.run(upload, file);
  }

  /** Takes one away, and stops it where it is on its way. */
  drop(upload: Upload): void {
    this.all = this.all.filter((other) => other !== upload);
    upload.stop.abort();
    this.changed();
  }

  /** They hang on a post now. */
  clear(): void {
    for (const upload of this.all) upload.stop.abort();
    this.all = [];
    this.changed();
  }

  private async run(upload: Upload, file: File): Promise<void> {
    if (this.running >= atOnce) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      const form = new FormData();
      form.append("file", file, upload.name);
      const progress = (part: number) => {
        upload.part = part;
        this.changed();
      };
      const answer = await this.send("POST", "/attachments", form, progress, upload.stop.signal);
      upload.file = parseAttachment(answer);
      if (upload.file === null) upload.problem = "The server's answer was not understood.";
    } catch (err) {
      upload.problem = sentenceOf(err);
    }
    const next = this.waiting.shift();
    if (next === undefined) this.running--;
    else next();
    if (!upload.stop.signal.aborted) this.changed();
  }
}

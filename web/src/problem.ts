import { isFields, text } from "./post.ts";

/**
 * What went wrong with a request, in words for the person at the page. A status
 * of 0 means that no answer came: the network or the server is away.
 */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** The stable code of the server's problem details, or the OAuth error. */
    readonly code: string,
    detail: string,
  ) {
    super(detail);
    this.name = "Problem";
  }

  /** Whether the same request may succeed a little later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Sends a request; whatever is not a 2xx becomes a Problem. */
export async function ask(request: typeof fetch, url: string, init: RequestInit, timeout = 15_000): Promise<Response> {
  let answer: Response;
  try {
    answer = await request(url, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(timeout), ...init });
  } catch {
    throw new Problem(0, "unreachable", "The server cannot be reached.");
  }
  if (answer.ok) return answer;
  let body: unknown = null;
  try {
    body = await answer.json();
  } catch {
    // A proxy's error page has no problem details; the status says enough.
  }
  throw problemOf(answer.status, body);
}

/** Reads RFC 9457 problem details and RFC 6749 errors alike. */
export function problemOf(status: number, body: unknown): Problem {
  const fields = isFields(body) ? body : {};
  const code = text(fields["code"]) || text(fields["error"]);
  const detail = text(fields["detail"]) || text(fields["error_description"]) || text(fields["title"]);
  return new Problem(status, code, detail || plain(status));
}

function plain(status: number): string {
  if (status === 429) return "Too many attempts. Please wait a moment.";
  if (status >= 500) return "The server has a problem just now. Please try again.";
  if (status === 404) return "This is not here, or not for you.";
  if (status === 403) return "You may not do this.";
  return "The server did not accept this.";
}

export function sentenceOf(err: unknown): string {
  return err instanceof Problem ? err.message : "Something unexpected happened in this page. Reloading it may help.";
}

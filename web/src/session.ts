import { isFields, text } from "./post.ts";
import { Problem, ask } from "./problem.ts";

interface Tokens {
  readonly access: string;
  readonly refresh: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** A token with less than this left is renewed before it is used. */
const margin = 30_000; // ms

type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const place = "rambla.session";

/**
 * The grant this page lives on. It is kept in sessionStorage: it outlives a
 * reload, and closing the tab forgets it.
 *
 * A refresh token works once, and using it a second time ends the whole grant.
 * So renewals are serialised here: whoever needs a token while one is under way
 * waits for that one.
 */
export class Session {
  private tokens: Tokens | null;
  private renewal: Promise<string> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Called once when the server has ended the grant; not after signOut. */
  onEnd: () => void = () => {};

  constructor(
    private readonly store: Store,
    private readonly request: typeof fetch,
    private readonly now: () => number = Date.now,
  ) {
    this.tokens = readTokens(store.getItem(place));
    this.plan();
  }

  get isSignedIn(): boolean {
    return this.tokens !== null;
  }

  async signIn(username: string, password: string): Promise<void> {
    this.keep(await this.grant({ grant_type: "password", username, password }));
  }

  /**
   * A token that is good for the next request or connection. Throws a Problem;
   * one that is not passing means that the grant has ended.
   */
  async token(): Promise<string> {
    const tokens = this.tokens;
    if (tokens === null) throw new Problem(401, "signed_out", "You are signed out.");
    return tokens.expires - this.now() > margin ? tokens.access : this.renew(tokens.access);
  }

  /** Replaces the token that was found not to work. */
  renew(stale: string): Promise<string> {
    const tokens = this.tokens;
    if (tokens === null) return Promise.reject(new Problem(401, "signed_out", "You are signed out."));
    // Somebody else has replaced it in the meantime.
    if (tokens.access !== stale) return Promise.resolve(tokens.access);
    this.renewal ??= this.exchange(tokens).finally(() => (this.renewal = null));
    return this.renewal;
  }

  /** Ends the grant on the server too. The page forgets it even where the server cannot be reached. */
  async signOut(): Promise<void> {
    // A renewal under way would leave a token nobody knows of.
    await this.renewal?.catch(() => undefined);
    const tokens = this.tokens;
    this.forget();
    if (tokens === null) return;
    await this.form("/v1/oauth/revoke", { token: tokens.refresh || tokens.access }).catch(() => undefined);
  }

  /** Drops the grant here only, leaving it to the tab that it belongs to. */
  forget(): void {
    clearTimeout(this.timer);
    this.tokens = null;
    this.store.removeItem(place);
  }

  private async exchange(tokens: Tokens): Promise<string> {
    try {
      if (tokens.refresh === "") throw new Problem(401, "invalid_grant", "Your session has ended.");
      const next = await this.grant({ grant_type: "refresh_token", refresh_token: tokens.refresh });
      // Some servers keep the refresh token and answer without one.
      this.keep({ ...next, refresh: next.refresh || tokens.refresh });
      return next.access;
    } catch (err) {
      if (err instanceof Problem && err.isPassing) {
        this.plan();
        throw err;
      }
      this.forget();
      this.onEnd();
      throw err;
    }
  }

  private async grant(fields: Record<string, string>): Promise<Tokens> {
    const answer = await this.form("/v1/oauth/token", fields);
    const body: unknown = await answer.json().catch(() => null);
    const lifetime = isFields(body) ? body["expires_in"] : 0;
    const access = isFields(body) ? text(body["access_token"]) : "";
    if (!isFields(body) || access === "") throw new Problem(502, "invalid_answer", "The server's answer was not understood.");
    return {
      access,
      refresh: text(body["refresh_token"]),
      expires: this.now() + (typeof lifetime === "number" && lifetime > 0 ? lifetime : 3600) * 1000,
    };
  }

  private form(url: string, fields: Record<string, string>): Promise<Response> {
    return ask(this.request, url, { method: "POST", body: new URLSearchParams(fields) });
  }

  private keep(tokens: Tokens): void {
    this.tokens = tokens;
    this.store.setItem(place, JSON.stringify(tokens));
    this.plan();
  }

  /** Renews in good time although nothing asks: a live connection needs no request. */
  private plan(): void {
    clearTimeout(this.timer);
    const tokens = this.tokens;
    if (tokens === null) return;
    const left = Math.max(0, tokens.expires - this.now() - margin);
    // Spread over the last fifth, and never in a tight loop.
    const wait = Math.min(2 ** 31 - 1, Math.max(15_000, left * (0.8 + 0.2 * Math.random())));
    this.timer = setTimeout(() => {
      // A failure is planned again or has ended the session, both in exchange.
      this.renew(tokens.access).catch(() => undefined);
    }, wait);
  }
}

function readTokens(saved: string | null): Tokens | null {
  if (saved === null) return null;
  let value: unknown = null;
  try {
    value = JSON.parse(saved);
  } catch {
    return null; // Not ours: sign in again.
  }
  if (!isFields(value) || typeof value["expires"] !== "number" || text(value["access"]) === "") return null;
  return { access: text(value["access"]), refresh: text(value["refresh"]), expires: value["expires"] };
}

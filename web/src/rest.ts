import { isFields, text } from "./post.ts";
import { Problem, ask } from "./problem.ts";
import type { Session } from "./session.ts";

/** The REST interface as the signed-in person. Every method throws a Problem. */
export class Rest {
  constructor(
    private readonly session: Session,
    private readonly request: typeof fetch,
  ) {}

  async get(path: string): Promise<Record<string, unknown>> {
    const answer = await this.send("GET", path);
    const body: unknown = await answer.json().catch(() => null);
    if (!isFields(body)) throw new Problem(502, "invalid_answer", "The server's answer was not understood.");
    return body;
  }

  async put(path: string): Promise<void> {
    await this.send("PUT", path);
  }

  async delete(path: string): Promise<void> {
    await this.send("DELETE", path);
  }

  private async send(method: string, path: string): Promise<Response> {
    const token = await this.session.token();
    try {
      return await this.once(method, path, token);
    } catch (err) {
      // Only 401 says that the token is no good; a second one is final.
      if (!(err instanceof Problem) || err.status !== 401) throw err;
    }
    return this.once(method, path, await this.session.renew(token));
  }

  private once(method: string, path: string, token: string): Promise<Response> {
    const headers = { Accept: "application/json", Authorization: `Bearer ${token}` };
    return ask(this.request, `/v1${path}`, { method, headers });
  }
}

/** All that most of the page needs of it. */
export type Reader = Pick<Rest, "get">;

/** The person's own name: what topics and posts call them. */
export async function whoAmI(rest: Reader): Promise<{ id: string; name: string }> {
  const me = await rest.get("/me");
  const id = text(me["id"]) || text(me["name"]);
  if (id === "") throw new Problem(502, "invalid_answer", "The server's answer was not understood.");
  return { id, name: text(me["displayName"]) || id };
}

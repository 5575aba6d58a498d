import { isFields, text, type Fields } from "./post.ts";
import { Problem, ask } from "./problem.ts";
import type { Me } from "./room.ts";
import type { Session } from "./session.ts";

/** The REST interface as the signed-in person. Every method throws a Problem. */
export class Rest {
  constructor(
    private readonly session: Session,
    private readonly request: typeof fetch,
  ) {}

  async get(path: string): Promise<Fields> {
    const answer = await this.send("GET", path);
    const body: unknown = await answer.json().catch(() => null);
    if (!isFields(body)) throw new Problem(502, "invalid_answer", "The server's answer was not understood.");
    return body;
  }

  /** body is sent as JSON; undefined sends none. The answer is empty where the server sends none. */
  async put(path: string, body?: Fields): Promise<Fields> {
    return fieldsOf(await this.send("PUT", path, body));
  }

  /** A repeat under the same key does nothing; without a key it does it again. */
  async post(path: string, body: Fields, key = ""): Promise<Fields> {
    return fieldsOf(await this.send("POST", path, body, key));
  }

  async patch(path: string, body: Fields): Promise<Fields> {
    return fieldsOf(await this.send("PATCH", path, body));
  }

  async delete(path: string): Promise<void> {
    await this.send("DELETE", path);
  }

  private async send(method: string, path: string, body?: Fields, key = ""): Promise<Response> {
    const token = await this.session.token();
    try {
      return await this.once(method, path, token, body, key);
    } catch (err) {
      // Only 401 says that the token is no good; a second one is final.
      if (!(err instanceof Problem) || err.status !== 401) throw err;
    }
    return this.once(method, path, await this.session.renew(token), body, key);
  }

  private once(method: string, path: string, token: string, body: Fields | undefined, key: string): Promise<Response> {
    const headers: Record<string, string> = { Accept: "application/json", Authorization: `Bearer ${token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (key !== "") headers["Idempotency-Key"] = key;
    return ask(this.request, `/v1${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  }
}

async function fieldsOf(answer: Response): Promise<Fields> {
  const body: unknown = await answer.json().catch(() => null);
  return isFields(body) ? body : {};
}

/** For what only reads. */
export type Reader = Pick<Rest, "get">;

/** For what also changes things. */
export type Doer = Pick<Rest, "get" | "put" | "post" | "patch" | "delete">;

/** The person's own name: what topics and posts call them. */
export async function whoAmI(rest: Reader): Promise<Me> {
  const me = await rest.get("/me");
  const id = text(me["id"]) || text(me["name"]);
  if (id === "") throw new Problem(502, "invalid_answer", "The server's answer was not understood.");
  const roles: unknown = me["roles"];
  return { id, name: text(me["displayName"]) || id, roles: (Array.isArray(roles) ? roles : []).map(text) };
}

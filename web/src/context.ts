import { isFields, text } from "./post.ts";
import type { Reader } from "./rest.ts";

/** A community, course or room, as far as a list of them tells. */
export interface Context {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly isMember: boolean;
  /** What the person may do there; a server that does not say leaves it to trying. */
  readonly mayWrite: boolean;
  readonly mayJoin: boolean;
  readonly mayLeave: boolean;
}

/** More pages than any one person's list has; a bound, not a limit one meets. */
const maxPages = 100;

/** All contexts the person can see, in the order of their names. */
export async function listContexts(rest: Reader): Promise<Context[]> {
  const contexts: Context[] = [];
  let cursor = "";
  for (let page = 0; page < maxPages; page++) {
    const list = await rest.get(`/contexts?limit=200${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
    const items: unknown = list["items"];
    for (const item of Array.isArray(items) ? items : []) {
      const context = parseContext(item);
      if (context !== null) contexts.push(context);
    }
    const next = text(list["next"]);
    if (next === "" || next === cursor) break;
    cursor = next;
  }
  return contexts.sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
}

export function parseContext(value: unknown): Context | null {
  if (!isFields(value)) return null;
  const id = text(value["id"]);
  if (id === "") return null;
  const rights: unknown = value["may"];
  const may = (right: string) => !Array.isArray(rights) || rights.includes(right);
  const isMember = value["member"] === true;
  return {
    id,
    name: text(value["displayName"]) || id,
    description: text(value["description"]),
    isMember,
    mayWrite: may("write"),
    mayJoin: !isMember && may("subscribe"),
    mayLeave: isMember && may("unsubscribe"),
  };
}

const topic = /^\/ctx\/([^/+#]+)\/messages$/;

export function messagesTopic(context: string): string {
  return `/ctx/${context}/messages`;
}

/** The context whose messages topic this is; empty for any other topic. */
export function contextOfTopic(name: string): string {
  return topic.exec(name)?.[1] ?? "";
}

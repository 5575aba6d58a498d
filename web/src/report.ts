import type { Place } from "./place.ts";
import { parsePost, text, type Fields, type Post } from "./post.ts";
import { parsePerson } from "./room.ts";

/** What somebody told those who moderate. */
export interface Report {
  readonly id: string;
  readonly reporter: string;
  readonly reason: string;
  /** What it is about; null where that is not this person's to read. */
  readonly post: Post | null;
}

export function parseReports(list: readonly Fields[], place: Place): Report[] {
  return list
    .map((fields) => ({
      id: text(fields["id"]),
      reporter: parsePerson(fields["actor"])?.name ?? "",
      reason: text(fields["reason"]),
      post: parsePost(fields["object"], place),
    }))
    .filter((report) => report.id !== "");
}

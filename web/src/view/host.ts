import type { Desk } from "../desk.ts";
import type { Post } from "../post.ts";

/** What posts need of the page around them. */
export interface Host {
  readonly desk: Desk;
  /** Shows who that is. */
  card(person: string): void;
  /** Goes on to write an answer to the post. */
  answer(post: Post): void;
}

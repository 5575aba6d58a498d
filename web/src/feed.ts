import { parsePlaced, text, type Post } from "./post.ts";
import { sentenceOf } from "./problem.ts";
import type { Reader } from "./rest.ts";
import { isNews } from "./rooms.ts";
import type { Entry } from "./timeline.ts";
import type { Tallies } from "./tallies.ts";

const pageSize = 30;

/** Posts held; a page that stays open for weeks must not grow for weeks. */
const capacity = 500;

/** What is new in all that one belongs to and follows, newest first. */
export class Feed {
  isOpen = false;
  isLoading = false;
  hasOlder = false;
  /** It has been read at least once. */
  isLoaded = false;
  obstacle = "";
  private cursor = "";
  private readonly posts = new Map<string, Post>();
  private readonly edits = new Map<string, Post>();
  private readonly removed = new Set<string>();

  constructor(
    private readonly rest: Reader,
    private readonly tallies: Tallies,
    private readonly changed: () => void,
  ) {}

  /** Shows it, from its present beginning. */
  open(): void {
    this.isOpen = true;
    void this.again();
  }

  close(): void {
    this.isOpen = false;
  }

  /** Reads the newest page anew: there may be more than was heard. */
  async again(): Promise<void> {
    await this.load("");
  }

  async older(): Promise<void> {
    if (this.hasOlder) await this.load(this.cursor);
  }

  /** A live post of any place. */
  deliver(post: Post): void {
    if (!this.isOpen) return;
    if (post.type === "Delete") this.removed.add(post.objectID);
    else if (post.type === "Update") this.edits.set(post.objectID, post);
    else if (isNews(post)) this.posts.set(post.id, post);
  }

  entries(): Entry[] {
    const entries = [...this.posts.values()].sort((a, b) => b.published - a.published || (a.id < b.id ? 1 : -1));
    return entries.map((post) => {
      const edit = this.edits.get(post.id);
      const said = edit !== undefined && edit.published >= post.updated ? edit : post;
      const isRemoved = this.removed.has(post.id) || post.objectType === "Tombstone";
      return {
        post,
        content: isRemoved ? "" : said.content,
        html: isRemoved ? "" : said.html,
        mentions: isRemoved ? [] : said.mentions,
        edited: !isRemoved && (edit !== undefined || post.updated > 0),
        removed: isRemoved,
      };
    });
  }

  private async load(cursor: string): Promise<void> {
    if (this.isLoading) return;
    this.isLoading = true;
    this.changed();
    // What comes live meanwhile stays.
    const before = [...this.posts.keys()];
    try {
      const from = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const list = await this.rest.get(`/me/timeline?limit=${pageSize}${from}`);
      const items: unknown[] = Array.isArray(list["items"]) ? list["items"] : [];
      if (cursor === "") {
        for (const id of before) this.posts.delete(id);
      }
      for (const post of items.map(parsePlaced)) if (post !== null) this.posts.set(post.id, post);
      this.tallies.take(items);
      this.cursor = text(list["next"]);
      this.hasOlder = this.cursor !== "" && this.posts.size < capacity;
      this.isLoaded = true;
      this.obstacle = "";
    } catch (err) {
      this.obstacle = sentenceOf(err);
    }
    this.isLoading = false;
    this.changed();
  }
}

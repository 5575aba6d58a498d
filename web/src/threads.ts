import type { Place } from "./place.ts";
import { parsePosts, text, type Post } from "./post.ts";
import { sentenceOf } from "./problem.ts";
import type { Reader } from "./rest.ts";
import { Timeline, type Entry } from "./timeline.ts";

/** More comments than one thread shows; a bound against a page that never ends. */
const maxPages = 50;

/** The comments on one activity, while they are open. */
export class Thread {
  isLoaded = false;
  /** Why it could not be read; empty otherwise. */
  obstacle = "";
  readonly comments: Timeline;

  constructor(
    readonly root: string,
    readonly place: Place,
  ) {
    this.comments = new Timeline(place);
  }

  /** Every comment behind the one that it answers, and how deep it stands there. */
  entries(): { readonly entry: Entry; readonly depth: number }[] {
    const entries = this.comments.entries();
    const present = new Set(entries.map((entry) => entry.post.id));
    const answers = new Map<string, Entry[]>();
    for (const entry of entries) {
      // An answer to what is not here any more stands by itself.
      const to = present.has(entry.post.inReplyTo) ? entry.post.inReplyTo : this.root;
      answers.set(to, [...(answers.get(to) ?? []), entry]);
    }
    const ordered: { entry: Entry; depth: number }[] = [];
    const put = (to: string, depth: number) => {
      for (const entry of answers.get(to) ?? []) {
        ordered.push({ entry, depth });
        put(entry.post.id, depth + 1);
      }
    };
    put(this.root, 0);
    return ordered;
  }
}

/** The threads that are open. */
export class Threads {
  private readonly threads = new Map<string, Thread>();

  constructor(
    private readonly rest: Reader,
    private readonly changed: () => void,
  ) {}

  get(root: string): Thread | undefined {
    return this.threads.get(root);
  }

  toggle(post: Post): void {
    if (!this.threads.delete(post.id)) {
      const thread = new Thread(post.id, post.place);
      this.threads.set(post.id, thread);
      void this.read(thread);
    }
    this.changed();
  }

  /** One looks elsewhere now. */
  closeAll(): void {
    this.threads.clear();
  }

  /** After a break there may be more than was heard. */
  again(): void {
    for (const thread of this.threads.values()) void this.read(thread);
  }

  /** A comment, an edit or a removal of one. Returns the activity it is about; empty where that is not known. */
  deliver(post: Post): string {
    const about = post.type === "Create" ? post.inReplyTo : post.objectID;
    for (const thread of this.threads.values()) {
      if (thread.place !== post.place) continue;
      if (about !== thread.root && !thread.comments.has(about)) continue;
      thread.comments.deliver(post);
      return thread.root;
    }
    return post.type === "Create" ? about : "";
  }

  private async read(thread: Thread): Promise<void> {
    let query = "";
    try {
      for (let page = 0; page < maxPages; page++) {
        const list = await this.rest.get(`/activities/${thread.root}/comments?limit=200${query}`);
        thread.comments.follow(parsePosts(list["items"], thread.place, true));
        const next = list["next"];
        if (typeof next !== "number" && text(next) === "") break;
        query = typeof next === "number" ? `&before=${next}` : `&cursor=${encodeURIComponent(text(next))}`;
      }
      thread.isLoaded = true;
      thread.obstacle = "";
    } catch (err) {
      thread.obstacle = sentenceOf(err);
    }
    this.changed();
  }
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePost, type Post } from "../src/post.ts";
import { Problem } from "../src/problem.ts";
import { Threads } from "../src/threads.ts";
import { post, settled, wire } from "./fixture.ts";

const root = post({ seq: 1 });

const comment = (seq: number, to: string, of: Record<string, unknown> = {}) => {
  const made = { ...wire({ seq, id: `c${seq}` }), ...of };
  return { ...made, object: { type: "Note", id: `c${seq}`, content: `comment ${seq}`, inReplyTo: to } };
};

function site(pages: Record<string, unknown>[]) {
  const asked: string[] = [];
  const threads = new Threads(
    {
      get: async (path) => {
        asked.push(path);
        const page = pages[asked.length - 1];
        if (page === undefined) throw new Problem(503, "unavailable", "The store is away.");
        return page;
      },
    },
    () => {},
  );
  return { asked, threads };
}

const deliver = (threads: Threads, wired: Record<string, unknown>) => threads.deliver(parsePost(wired, "/ctx/lobby", true) as Post);
const read = (threads: Threads) => threads.get(root.id)?.entries().map(({ entry, depth }) => `${depth} ${entry.removed ? "gone" : entry.content}`);

test("a thread reads all of its comments, and shows answers below what they answer", async () => {
  const { asked, threads } = site([{ items: [comment(4, "c2"), comment(3, root.id)], next: 3 }, { items: [comment(2, root.id)] }]);
  threads.toggle(root);
  await settled();
  assert.deepEqual(asked, [`/activities/${root.id}/comments?limit=200`, `/activities/${root.id}/comments?limit=200&before=3`]);
  assert.deepEqual(read(threads), ["0 comment 2", "1 comment 4", "0 comment 3"]);
  assert.equal(threads.get(root.id)?.isLoaded, true);
  threads.toggle(root);
  assert.equal(threads.get(root.id), undefined);
});

test("comments, edits and removals arrive live, answers to answers too", async () => {
  const { threads } = site([{ items: [comment(2, root.id)] }]);
  threads.toggle(root);
  await settled();
  assert.equal(deliver(threads, comment(5, "c2")), root.id);
  assert.equal(deliver(threads, comment(6, "c5")), root.id);
  assert.deepEqual(read(threads), ["0 comment 2", "1 comment 5", "2 comment 6"]);
  const edit = { ...wire({ seq: 7, type: "Update" }), object: { type: "Note", id: "c5", content: "better" } };
  assert.equal(deliver(threads, edit), root.id);
  assert.equal(deliver(threads, { ...wire({ seq: 8, type: "Delete" }), object: { type: "Tombstone", id: "c2" } }), root.id);
  assert.deepEqual(read(threads), ["0 gone", "1 better", "2 comment 6"]);
});

test("a comment on what is not open names its activity, where it can be known", () => {
  const { threads } = site([]);
  assert.equal(deliver(threads, comment(5, "another")), "another");
  assert.equal(deliver(threads, { ...wire({ seq: 6, type: "Delete" }), object: { type: "Tombstone", id: "c5" } }), "");
});

test("a thread that can't be read says so, and reads again after a break", async () => {
  const { threads, asked } = site([]);
  threads.toggle(root);
  await settled();
  assert.equal(threads.get(root.id)?.obstacle, "The store is away.");
  threads.again();
  await settled();
  assert.equal(asked.length, 2);
});

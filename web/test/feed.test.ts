import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed } from "../src/feed.ts";
import { Tallies } from "../src/tallies.ts";
import { post, settled, wire } from "./fixture.ts";

function site(pages: Record<string, unknown>[]) {
  const asked: string[] = [];
  const rest = { get: async (path: string) => (asked.push(path), pages[asked.length - 1] ?? { items: [] }) };
  const tallies = new Tallies(rest, () => {});
  return { asked, tallies, feed: new Feed(rest, tallies, () => {}) };
}

const read = (feed: Feed) => feed.entries().map((entry) => (entry.removed ? "gone" : entry.content));

test("everything is read from the newest on, page by page, with its numbers", async () => {
  const { asked, feed, tallies } = site([{ items: [{ ...wire({ seq: 9 }), likes: 2 }, wire({ seq: 8 })], next: "a/b" }, { items: [wire({ seq: 7 })] }]);
  feed.open();
  await settled();
  assert.equal(feed.hasOlder, true);
  await feed.older();
  assert.deepEqual(asked, ["/me/timeline?limit=30", "/me/timeline?limit=30&cursor=a%2Fb"]);
  assert.deepEqual(read(feed), ["text 9", "text 8", "text 7"]);
  assert.equal(feed.hasOlder, false);
  assert.equal(tallies.of("id-9").likes, 2);
});

test("what comes live stands first, edited or removed as it is now, also while a page is read", async () => {
  const { feed } = site([{ items: [wire({ seq: 8 })] }]);
  feed.deliver(post({ seq: 1 }));
  feed.open();
  feed.deliver(post({ seq: 9 }));
  await settled();
  assert.deepEqual(read(feed), ["text 9", "text 8"], "and what came before it was opened does not");
  feed.deliver(post({ seq: 10, type: "Update", object: "id-8", content: "better" }));
  feed.deliver(post({ seq: 11, type: "Delete", object: "id-9" }));
  assert.deepEqual(read(feed), ["gone", "better"]);
  assert.equal(feed.entries()[1]?.edited, true);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Search } from "../src/search.ts";
import { wire } from "./fixture.ts";

function site(...pages: (Record<string, unknown> | Error)[]) {
  const asked: string[] = [];
  const get = async (path: string): Promise<Record<string, unknown>> => {
    asked.push(path);
    const page = pages[asked.length - 1] ?? { items: [] };
    if (page instanceof Error) throw page;
    return page;
  };
  return { asked, search: new Search({ get }, () => {}) };
}

test("what is found is shown with its marks, page by page", async () => {
  const excerpt = [{ text: "an " }, { text: "exam", mark: true }, "odd"];
  const { asked, search } = site({ items: [{ ...wire({ seq: 9 }), excerpt }, "odd"], next: "a/b" }, { items: [wire({ seq: 8 })] });
  await search.ask(' "an exam" ', "activities");
  assert.deepEqual(search.found.map((one) => one.post), ["id-9"]);
  assert.deepEqual(search.found[0]?.excerpt, [{ text: "an ", isMark: false }, { text: "exam", isMark: true }]);
  assert.equal(search.hasMore, true);
  await search.more();
  assert.equal(search.found.length, 2);
  assert.equal(search.hasMore, false);
  assert.deepEqual(asked, ["/search?q=%22an+exam%22&type=activities&limit=20", "/search?q=%22an+exam%22&type=activities&limit=20&cursor=a%2Fb"]);
});

test("people and contexts lead to their places", async () => {
  const { search } = site({ items: [{ name: "bob", displayName: "Bob" }] });
  await search.ask("bo", "people");
  assert.deepEqual(search.found.map((one) => [one.title, one.place, one.post]), [["Bob", "/user/bob", ""]]);
});

test("pages without anything are passed over, but not for ever", async () => {
  const empty = { items: [], next: "x" };
  const { asked, search } = site(empty, empty, { items: [wire({ seq: 1 })] });
  await search.ask("x", "activities");
  assert.equal(search.found.length, 1);
  const other = site(...Array.from({ length: 9 }, () => empty));
  await other.search.ask("x", "activities");
  assert.equal(other.asked.length, 5);
  assert.equal(other.search.hasMore, true);
  assert.equal(asked.length, 3);
});

test("an answer to a former question is dropped, and what went wrong is told", async () => {
  let answer: (page: Record<string, unknown>) => void = () => {};
  const pages = [new Promise<Record<string, unknown>>((resolve) => (answer = resolve)), Promise.resolve({ items: [wire({ seq: 2 })] })];
  const search = new Search({ get: async () => (await pages.shift()) ?? Promise.reject(new Error("away")) }, () => {});
  const first = search.ask("one", "activities");
  await search.ask("two", "activities");
  answer({ items: [wire({ seq: 1 })] });
  await first;
  assert.deepEqual(search.found.map((one) => one.post), ["id-2"]);
  await search.ask("three", "activities");
  assert.notEqual(search.obstacle, "");
  assert.equal(search.isLooking, false);
});

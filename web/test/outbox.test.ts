import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox, capacity, newKey } from "../src/outbox.ts";
import { memory } from "./fixture.ts";

const said = (content: string, place = "/ctx/lobby") => ({ place, thread: "", inReplyTo: "", isMarkdown: false, content, files: [] as string[] });

const day = 24 * 3600 * 1000;

test("what is not acknowledged is sent again under the same key, in the order of writing", () => {
  const outbox = new Outbox(memory(), "alice", () => {});
  const first = outbox.add(said("one"));
  const second = outbox.add(said("two", "/ctx/news"));
  assert.ok(first && second);
  assert.notEqual(first.key, second.key);
  assert.deepEqual(outbox.pending().map((draft) => draft.key), [first.key, second.key]);
  outbox.acknowledge(first.key);
  assert.deepEqual(outbox.pending().map((draft) => draft.key), [second.key]);
  assert.deepEqual(outbox.of("/ctx/lobby").map((draft) => draft.fate), ["stored"]);
});

test("a message outlives a reload with its key, until it is acknowledged", () => {
  const store = memory();
  const draft = new Outbox(store, "alice", () => {}).add(said("hello"));
  const reloaded = new Outbox(store, "alice", () => {});
  assert.deepEqual(reloaded.pending(), [draft]);
  reloaded.acknowledge(draft?.key ?? "");
  assert.deepEqual(new Outbox(store, "alice", () => {}).pending(), []);
  assert.equal(store.items.size, 0, "nothing stays in the browser");
});

test("one person's messages are not sent by the next one to sign in", () => {
  const store = memory();
  new Outbox(store, "alice", () => {}).add(said("hello"));
  assert.deepEqual(new Outbox(store, "bob", () => {}).pending(), []);
});

test("a refusal stands although the acknowledgement follows it", () => {
  const outbox = new Outbox(memory(), "bob", () => {});
  const key = outbox.add(said("hello", "/ctx/news"))?.key ?? "";
  assert.equal(outbox.refuse(key, "You may not write here."), true);
  outbox.acknowledge(key);
  assert.deepEqual(outbox.of("/ctx/news").map((draft) => [draft.fate, draft.detail]), [["refused", "You may not write here."]]);
  assert.deepEqual(outbox.pending(), []);
  assert.equal(outbox.retry(key)?.key, key);
  assert.deepEqual(outbox.pending().map((draft) => draft.key), [key]);
});

test("a refusal of somebody else's message is not ours", () => {
  const outbox = new Outbox(memory(), "bob", () => {});
  assert.equal(outbox.refuse("unknown", "no"), false);
});

test("it is bounded, and what is on the server does not count", () => {
  const outbox = new Outbox(memory(), "alice", () => {});
  for (let i = 0; i < capacity; i++) assert.ok(outbox.add(said(`${i}`)));
  assert.equal(outbox.add(said("one too many")), null);
  outbox.acknowledge(outbox.pending()[0]?.key ?? "");
  assert.ok(outbox.add(said("now there is room")));
});

test("acknowledged messages that nobody reads back do not pile up", () => {
  const outbox = new Outbox(memory(), "alice", () => {});
  for (let i = 0; i < capacity + 50; i++) outbox.acknowledge(outbox.add(said(`${i}`))?.key ?? "");
  assert.equal(outbox.of("/ctx/lobby").length, capacity);
  assert.equal(outbox.of("/ctx/lobby").at(-1)?.content, `${capacity + 49}`);
});

test("after days, when servers have forgotten the key, nothing is sent unasked", () => {
  const store = memory();
  let now = 1_000_000;
  const clock = () => now;
  const old = new Outbox(store, "alice", () => {}, clock).add(said("hello"));
  now += 5 * day;
  assert.equal(new Outbox(store, "alice", () => {}, clock).pending().length, 1);
  now += 2 * day;
  const late = new Outbox(store, "alice", () => {}, clock);
  assert.deepEqual(late.pending(), []);
  assert.deepEqual(late.of("/ctx/lobby").map((draft) => draft.fate), ["refused"]);
  assert.notEqual(late.of("/ctx/lobby")[0]?.key, old?.key);
});

test("a store that holds something else is an empty outbox", () => {
  for (const saved of ["", "{", "null", "{}", "[1,null,{}]", '[{"at":1,"fate":"done"}]']) {
    const store = memory();
    store.setItem("rambla.outbox.alice", saved);
    assert.deepEqual(new Outbox(store, "alice", () => {}).of("/ctx/lobby"), []);
  }
});

test("keys are not repeated", () => {
  const keys = new Set(Array.from({ length: 1000 }, newKey));
  assert.equal(keys.size, 1000);
  for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
});

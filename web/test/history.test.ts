import assert from "node:assert/strict";
import { test } from "node:test";
import { catchUp, readBack, readOlder, readOne } from "../src/history.ts";
import type { Reader } from "../src/rest.ts";
import { Timeline } from "../src/timeline.ts";
import { wire } from "./fixture.ts";

/** A stream of which a test says how far it goes and which epoch it is. */
class Stream {
  readonly asked: string[] = [];
  /** Asked for before each answer: what happens meanwhile. */
  meanwhile: () => void = () => {};

  constructor(
    public head: number,
    public epoch = "e1",
    public tells = true,
  ) {}

  readonly reader: Reader = {
    get: async (path) => {
      this.asked.push(path);
      this.meanwhile();
      const query = new URL(path, "http://server").searchParams;
      const limit = Number(query.get("limit") ?? 20);
      const all = Array.from({ length: this.head }, (_, i) => wire({ seq: i + 1 }));
      const after = query.get("after");
      if (after === null) {
        const before = Number(query.get("before") ?? Infinity);
        const older = all.filter((post) => Number(post["seq"]) < before).reverse();
        return this.list(older, limit, true);
      }
      const [epoch, seq] = after.includes(":") ? after.split(":") : [this.epoch, after];
      const complete = epoch === this.epoch && Number(seq) <= this.head;
      const newer = all.filter((post) => epoch !== this.epoch || Number(post["seq"]) > Number(seq));
      return this.list(newer, limit, complete);
    },
  };

  private list(posts: Record<string, unknown>[], limit: number, complete: boolean): Record<string, unknown> {
    const items = posts.slice(0, limit);
    return {
      items,
      ...(posts.length > limit ? { next: "more" } : {}),
      ...(this.tells ? { position: `${this.epoch}:${this.head}`, complete } : {}),
    };
  }
}

const seqs = (timeline: Timeline) => timeline.entries().map((entry) => entry.post.seq);
const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, i) => from + i);

test("the first reading is the newest page, the next ones go on from it to the end", async () => {
  for (const tells of [true, false]) {
    const stream = new Stream(120, "e1", tells);
    const timeline = new Timeline("/ctx/lobby");
    assert.deepEqual(await catchUp(stream.reader, timeline), []);
    assert.deepEqual(seqs(timeline), upTo(120, 71));
    assert.equal(timeline.hasOlder, true);
    stream.head = 700;
    const fresh = await catchUp(stream.reader, timeline);
    assert.deepEqual(fresh.map((post) => post.seq), upTo(700, 121));
    assert.deepEqual(seqs(timeline), upTo(700, 71));
    assert.equal(stream.asked.length, 4, "one page, then three of two hundred");
  }
});

test("a stream that was empty is read from its beginning", async () => {
  const stream = new Stream(0);
  const timeline = new Timeline("/ctx/lobby");
  await catchUp(stream.reader, timeline);
  assert.deepEqual(seqs(timeline), []);
  stream.head = 3;
  await catchUp(stream.reader, timeline);
  assert.deepEqual(seqs(timeline), [1, 2, 3]);
  assert.equal(timeline.before, 1);
});

test("the past is read page by page, to its beginning", async () => {
  const stream = new Stream(120);
  const timeline = new Timeline("/ctx/lobby");
  await catchUp(stream.reader, timeline);
  await readOlder(stream.reader, timeline);
  assert.deepEqual(seqs(timeline), upTo(120, 21));
  assert.equal(timeline.hasOlder, true);
  await readOlder(stream.reader, timeline);
  assert.deepEqual(seqs(timeline), upTo(120));
  assert.equal(timeline.hasOlder, false);
});

test("a stream of another epoch is begun anew instead of mixed with the old one", async () => {
  const stream = new Stream(100);
  const timeline = new Timeline("/ctx/lobby");
  await catchUp(stream.reader, timeline);
  stream.epoch = "e2";
  stream.head = 30;
  await catchUp(stream.reader, timeline);
  assert.deepEqual(seqs(timeline), upTo(30));
  assert.equal(timeline.epoch, "e2");
  stream.head = 31;
  await catchUp(stream.reader, timeline);
  assert.deepEqual(seqs(timeline), upTo(31));
});

test("what was read before a failure is kept, and the next reading goes on there", async () => {
  const stream = new Stream(10);
  const timeline = new Timeline("/ctx/lobby");
  await catchUp(stream.reader, timeline);
  stream.head = 500;
  let left = 2;
  stream.meanwhile = () => {
    if (left-- === 0) throw new Error("the network went");
  };
  await assert.rejects(catchUp(stream.reader, timeline));
  assert.equal(timeline.knownTo, 410);
  stream.meanwhile = () => {};
  await catchUp(stream.reader, timeline);
  assert.deepEqual(seqs(timeline), upTo(500));
});

test("a server that promises more and gives nothing does not keep the page busy", async () => {
  const timeline = new Timeline("/ctx/lobby");
  let asked = 0;
  const reader: Reader = { get: async () => (asked++, { items: [], next: "more" }) };
  await catchUp(reader, timeline);
  await catchUp(reader, timeline);
  assert.equal(asked, 2);
  await readOlder(reader, timeline);
  assert.equal(timeline.hasOlder, false);
});

test("a post further back is read to in few steps, and one too far back by itself", async () => {
  const stream = new Stream(5000);
  const timeline = new Timeline("/ctx/lobby");
  await catchUp(stream.reader, timeline);
  stream.asked.length = 0;
  assert.equal(await readBack(stream.reader, timeline, 4600), true);
  assert.equal(stream.asked.length, 2);
  assert.deepEqual(seqs(timeline), upTo(5000, 4551));
  assert.equal(await readBack(stream.reader, timeline, 4900), true);
  assert.equal(await readBack(stream.reader, timeline, 7), false);
  assert.equal(stream.asked.length, 2);
  assert.equal((await readOne(stream.reader, "/ctx/lobby", 7))?.id, "id-7");
  assert.equal(await readOne(stream.reader, "/ctx/lobby", 5001), null);
});

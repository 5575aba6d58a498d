import assert from "node:assert/strict";
import { test } from "node:test";
import { Tallies } from "../src/tallies.ts";
import { settled, wire } from "./fixture.ts";

function site() {
  const asked: string[] = [];
  const likes = new Map<number, number>();
  const rest = {
    get: async (path: string) => {
      asked.push(path);
      const query = new URL(path, "http://server").searchParams;
      const after = Number(query.get("after"));
      const limit = Number(query.get("limit"));
      const seqs = Array.from({ length: 1000 }, (_, i) => i + 1).filter((seq) => seq > after).slice(0, limit);
      return { items: seqs.map((seq) => ({ ...wire({ seq }), likes: likes.get(seq) ?? 0, comments: 1, shares: 0, liked: true })), next: after + limit };
    },
  };
  return { asked, likes, tallies: new Tallies(rest, () => {}) };
}

test("numbers are asked for over the stretch that has changed, once for many changes", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { asked, likes, tallies } = site();
  likes.set(5, 3);
  for (const seq of [7, 5, 6, 5]) tallies.touch("/ctx/lobby", seq);
  assert.deepEqual(asked, []);
  t.mock.timers.tick(1_000);
  await settled();
  assert.deepEqual(asked, ["/contexts/lobby/activities?after=4&limit=3"]);
  assert.deepEqual([tallies.of("id-5").likes, tallies.of("id-5").isLiked, tallies.of("id-7").comments, tallies.of("id-8").comments], [3, true, 1, 0]);
  tallies.touch("/conv/0190", 9);
  t.mock.timers.tick(1_000);
  await settled();
  assert.equal(asked[1], "/conversations/0190/messages?after=8&limit=1");
});

test("a long stretch is asked for page by page", async () => {
  const { asked, tallies } = site();
  await tallies.learn("/ctx/lobby", 1, 450);
  assert.deepEqual(asked.map((path) => path.split("?")[1]), ["after=0&limit=200", "after=200&limit=200", "after=400&limit=50"]);
  assert.equal(tallies.of("id-450").comments, 1);
});

test("what was just done shows at once, and what the server says replaces it", async () => {
  const { likes, tallies } = site();
  tallies.assume("id-2", { likes: 1, isLiked: true });
  assert.equal(tallies.of("id-2").likes, 1);
  likes.set(2, 5);
  await tallies.learn("/ctx/lobby", 2, 2);
  assert.equal(tallies.of("id-2").likes, 5);
});

test("a list without numbers says nothing about them", () => {
  const { tallies } = site();
  tallies.assume("id-1", { likes: 4 });
  tallies.take([wire({ seq: 1 }), null, 7]);
  assert.equal(tallies.of("id-1").likes, 4);
});

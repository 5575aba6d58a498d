import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../src/backoff.ts";

test("waits double up to half a minute, and are drawn from the upper half", () => {
  const shortest = new Backoff(() => 0);
  const longest = new Backoff(() => 1);
  const waits = Array.from({ length: 9 }, () => [shortest.next(), longest.next()]);
  assert.deepEqual(waits.slice(0, 4), [[250, 500], [500, 1000], [1000, 2000], [2000, 4000]]);
  assert.deepEqual(waits.at(-1), [15_000, 30_000]);
});

test("a good connection makes the next failure a first one", () => {
  const backoff = new Backoff(() => 1);
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.equal(backoff.next(), 500);
});

test("a server that stays away for days does not break the count", () => {
  const backoff = new Backoff(() => 1);
  for (let i = 0; i < 5000; i++) assert.ok(backoff.next() <= 30_000);
});

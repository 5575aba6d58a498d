import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Company } from "../src/company.ts";
import { parseTopic } from "../src/place.ts";

function company(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const told: string[] = [];
  const made = new Company("alice", (topic, payload) => void told.push(`${topic} ${payload}`), () => {});
  const hear = (topic: string, value: Record<string, unknown>) => {
    const parsed = parseTopic(topic);
    assert.ok(parsed);
    return made.hear(parsed, value);
  };
  return { told, made, hear };
}

const bob = { type: "Person", id: "bob", name: "Bob" };

test("who types is told until they stop, write, or are silent for five seconds", (t) => {
  const { made, hear } = company(t);
  const type = (typing: boolean, actor = bob) => hear("/conv/1/typing", { actor, typing });
  type(true);
  type(true, { ...bob, id: "alice", name: "Alice" });
  assert.deepEqual(made.typing("/conv/1"), ["Bob"], "one is not told of oneself");
  assert.deepEqual(made.typing("/conv/2"), []);
  t.mock.timers.tick(3_000);
  type(true);
  t.mock.timers.tick(3_000);
  assert.deepEqual(made.typing("/conv/1"), ["Bob"], "the time begins anew");
  t.mock.timers.tick(2_000);
  assert.deepEqual(made.typing("/conv/1"), []);
  type(true);
  type(false);
  assert.deepEqual(made.typing("/conv/1"), []);
  type(true);
  made.spoke("/conv/1", "bob");
  assert.deepEqual(made.typing("/conv/1"), []);
});

test("that one types is told every three seconds at most, and its end once", (t) => {
  const { told, made } = company(t);
  for (let i = 0; i < 50; i++) {
    made.type("/conv/1");
    t.mock.timers.tick(100);
  }
  assert.equal(told.length, 2);
  assert.equal(told[0], '/conv/1/typing {"typing":true}');
  made.typed("/conv/1");
  made.typed("/conv/1");
  assert.deepEqual(told.slice(2), ['/conv/1/typing {"typing":false}']);
});

test("presence, attendance and how far others have read are held as told, and forgotten with the connection", (t) => {
  const { made, hear } = company(t);
  hear("/user/bob/presence", { actor: bob, status: "online" });
  hear("/ctx/lobby/presence", { online: 7 });
  hear("/conv/1/receipts/bob", { delivered: 5, read: 3, actor: bob });
  hear("/conv/1/receipts/alice", { delivered: 9, read: 9 });
  assert.deepEqual(made.presence("bob"), { status: "online", lastSeen: 0 });
  assert.equal(made.online("/ctx/lobby"), 7);
  assert.deepEqual(made.readers("/conv/1"), [{ delivered: 5, read: 3, name: "Bob" }]);
  assert.equal(hear("/ctx/lobby/events", {}), false);
  made.lost();
  assert.equal(made.presence("bob"), undefined);
  assert.equal(made.online("/ctx/lobby"), 0);
  assert.equal(made.readers("/conv/1").length, 1, "markers only grow, so they stay true");
});

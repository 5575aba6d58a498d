import assert from "node:assert/strict";
import { test } from "node:test";
import { addressed, addressOf } from "../src/address.ts";
import { contextOfTopic, listContexts, messagesTopic } from "../src/context.ts";
import { parsePost } from "../src/post.ts";
import { problemOf } from "../src/problem.ts";
import { parseRefusal } from "../src/refusal.ts";
import { wire } from "./fixture.ts";

test("a post is read as the server writes it", () => {
  const post = parsePost(wire({ seq: 42, actor: "alice", content: "hello", key: "k" }), "lobby");
  assert.equal(post?.seq, 42);
  assert.equal(post?.actorName, "Alice");
  assert.equal(post?.content, "hello");
  assert.equal(post?.key, "k");
  assert.equal(post?.objectID, post?.id);
  assert.equal(post?.updated, 0);
});

test("a private post names its readers, however they are written", () => {
  const post = parsePost({ ...wire({ seq: 1 }), to: ["bob", { type: "Person", id: "carol" }, 7] }, "lobby");
  assert.deepEqual(post?.to, ["bob", "carol"]);
});

test("what an application tells without a text shows the name of its object", () => {
  const post = parsePost({ ...wire({ seq: 1, type: "uni:graded" }), object: { type: "Document", name: "Exam 2" } }, "lobby");
  assert.equal(post?.content, "Exam 2");
});

test("what lacks its number, id or type is no post", () => {
  for (const value of [null, 1, "x", [], {}, { ...wire({ seq: 1 }), seq: 0 }, { ...wire({ seq: 1 }), seq: 1.5 }, { ...wire({ seq: 1 }), id: "" }, { ...wire({ seq: 1 }), type: 3 }]) {
    assert.equal(parsePost(value, "lobby"), null);
  }
});

test("a topic names its context, and only the topics of messages do", () => {
  assert.equal(contextOfTopic(messagesTopic("maths-3")), "maths-3");
  for (const topic of ["/ctx/a/events", "/ctx/a/b/messages", "/ctx//messages", "ctx/a/messages", "/user/a/errors", "/ctx/+/messages"]) {
    assert.equal(contextOfTopic(topic), "", topic);
  }
});

test("the address of a context leads back to it", () => {
  for (const id of ["lobby", "maths-3", "a.b_c"]) assert.equal(addressed(addressOf(id)), id);
  for (const hash of ["", "#", "#/", "#lobby", "#/%"]) assert.equal(addressed(hash), null, hash);
});

test("all pages of contexts are read, in the order of their names", async () => {
  const asked: string[] = [];
  const contexts = await listContexts({
    get: async (path) => {
      asked.push(path);
      return asked.length === 1
        ? { items: [{ id: "b", displayName: "Beta", member: true, may: ["read"] }, { id: 7 }, null], next: "a/b+c" }
        : { items: [{ id: "a", displayName: "Alpha", member: false, description: "first", may: ["read", "write", "subscribe", "unsubscribe"] }] };
    },
  });
  assert.deepEqual(asked, ["/contexts?limit=200", "/contexts?limit=200&cursor=a%2Fb%2Bc"]);
  assert.deepEqual(contexts, [
    { id: "a", name: "Alpha", description: "first", isMember: false, mayWrite: true, mayJoin: true, mayLeave: false },
    { id: "b", name: "Beta", description: "", isMember: true, mayWrite: false, mayJoin: false, mayLeave: false },
  ]);
});

test("a refusal without words still says something", () => {
  assert.equal(parseRefusal('{"topic":"/ctx/a/messages","key":"k","code":"forbidden"}')?.detail, "forbidden");
  assert.equal(parseRefusal("{}")?.detail, "The server did not accept this message.");
  assert.equal(parseRefusal("no JSON"), null);
});

test("problem details and OAuth errors are told in their own words, and silence in ours", () => {
  assert.equal(problemOf(403, { code: "forbidden", title: "Forbidden", detail: "Only members may." }).message, "Only members may.");
  assert.equal(problemOf(400, { error: "invalid_grant", error_description: "Wrong." }).code, "invalid_grant");
  assert.match(problemOf(502, null).message, /server has a problem/);
  assert.deepEqual([0, 429, 500, 503, 400, 401, 404].map((status) => problemOf(status, null).isPassing), [true, true, true, true, false, false, false]);
});

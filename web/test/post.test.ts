import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePlaced, parsePost } from "../src/post.ts";
import { problemOf } from "../src/problem.ts";
import { parseRefusal } from "../src/refusal.ts";
import { wire } from "./fixture.ts";

test("a post is read as the server writes it", () => {
  const post = parsePost(wire({ seq: 42, actor: "alice", content: "hello", key: "k" }), "/ctx/lobby");
  assert.equal(post?.seq, 42);
  assert.equal(post?.actorName, "Alice");
  assert.equal(post?.content, "hello");
  assert.equal(post?.key, "k");
  assert.equal(post?.objectID, post?.id);
  assert.equal(post?.updated, 0);
});

test("a private post names its readers, however they are written", () => {
  const post = parsePost({ ...wire({ seq: 1 }), to: ["bob", { type: "Person", id: "carol" }, 7] }, "/ctx/lobby");
  assert.deepEqual(post?.to, ["bob", "carol"]);
});

test("what is said with a share is its text, and the end of a like is about what was liked", () => {
  const share = { ...wire({ seq: 1, type: "Announce" }), object: { type: "Note", id: "id-0" }, content: "*look*", html: "<p><em>look</em></p>" };
  const parsed = parsePost(share, "/ctx/lobby");
  assert.deepEqual([parsed?.content, parsed?.html, parsed?.objectID], ["*look*", "<p><em>look</em></p>", "id-0"]);
  const undo = { ...wire({ seq: 2, type: "Undo" }), object: { type: "Like", object: { type: "Note", id: "id-0" } } };
  assert.equal(parsePost(undo, "/ctx/lobby")?.objectID, "id-0");
});

test("what an application tells without a text is about its object", () => {
  const post = parsePost({ ...wire({ seq: 1, type: "uni:graded" }), object: { type: "Document", name: "Exam 2", url: "https://x.example" } }, "/ctx/lobby");
  assert.deepEqual(post?.about, { type: "Document", name: "Exam 2", url: "https://x.example" });
  assert.equal(parsePost(wire({ seq: 1 }), "/ctx/lobby")?.about, null);
});

test("what lacks its number, id or type is no post", () => {
  for (const value of [null, 1, "x", [], {}, { ...wire({ seq: 1 }), seq: 0 }, { ...wire({ seq: 1 }), seq: 1.5 }, { ...wire({ seq: 1 }), id: "" }, { ...wire({ seq: 1 }), type: 3 }]) {
    assert.equal(parsePost(value, "/ctx/lobby"), null);
  }
});

test("a post of a list of many places is read with its place, also where an application names a target of its own", () => {
  assert.equal(parsePlaced(wire({ seq: 1 }))?.place, "/ctx/lobby");
  const told = { ...wire({ seq: 1 }), target: { type: "Collection", id: "shelf" }, context: { type: "Conversation", id: "0190" } };
  assert.equal(parsePlaced(told)?.place, "/conv/0190");
  assert.equal(parsePlaced({ ...wire({ seq: 1 }), target: { type: "Person", id: "bob", name: "Bob" } })?.place, "/user/bob");
  assert.equal(parsePlaced({ ...wire({ seq: 1 }), target: { type: "Elsewhere", id: "x" } }), null);
  assert.equal(parsePlaced("x"), null);
});

test("mentions, the answer and the server's HTML are read beside the text", () => {
  const object = {
    type: "Note", id: "id-1", content: "*hi* @bob", html: "<p><em>hi</em> @bob</p>", inReplyTo: "id-0",
    tag: [{ type: "Mention", name: "@bob", id: "bob" }, { type: "Hashtag", name: "#x" }, 7],
  };
  const post = parsePost({ ...wire({ seq: 1 }), object }, "/ctx/lobby");
  assert.deepEqual(post?.mentions, [{ name: "@bob", person: "bob" }, { name: "#x", person: "" }]);
  assert.equal(post?.html, "<p><em>hi</em> @bob</p>");
  assert.equal(post?.inReplyTo, "id-0");
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

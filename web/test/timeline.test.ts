import assert from "node:assert/strict";
import { test } from "node:test";
import type { Post } from "../src/post.ts";
import { Timeline } from "../src/timeline.ts";
import { post } from "./fixture.ts";

const seqs = (timeline: Timeline) => timeline.entries().map((entry) => entry.post.seq);
const contents = (timeline: Timeline) => timeline.entries().map((entry) => entry.content);

test("a post that comes by every way is shown once, and in order", () => {
  const timeline = new Timeline("/ctx/lobby");
  assert.equal(timeline.deliver(post({ seq: 4 })), true);
  timeline.begin([post({ seq: 4 }), post({ seq: 3 }), post({ seq: 2 })], true);
  assert.equal(timeline.deliver(post({ seq: 3 })), false);
  timeline.prepend([post({ seq: 2 }), post({ seq: 1 })], false);
  assert.deepEqual(timeline.follow([post({ seq: 4 }), post({ seq: 5 })]).map((fresh) => fresh.seq), [5]);
  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5]);
  assert.equal(timeline.before, 1);
  assert.equal(timeline.hasOlder, false);
});

test("a post that comes live after a break does not hide those missed before it", () => {
  const timeline = new Timeline("/ctx/lobby");
  timeline.begin([post({ seq: 10 })], false);
  timeline.settle();
  timeline.deliver(post({ seq: 11 }));
  assert.equal(timeline.knownTo, 11);
  timeline.unsettle();
  timeline.deliver(post({ seq: 15 }));
  assert.equal(timeline.knownTo, 11, "12 to 14 may be missing");
  timeline.follow([12, 13, 14, 15].map((seq) => post({ seq })));
  timeline.settle();
  timeline.deliver(post({ seq: 16 }));
  assert.equal(timeline.knownTo, 16);
  assert.deepEqual(seqs(timeline), [10, 11, 12, 13, 14, 15, 16]);
});

test("settling counts what came live while the pages were read", () => {
  const timeline = new Timeline("/ctx/lobby");
  timeline.deliver(post({ seq: 8 }));
  timeline.begin([post({ seq: 7 })], false);
  assert.equal(timeline.knownTo, 7);
  timeline.settle();
  assert.equal(timeline.knownTo, 8);
});

test("a hole is no loss: nothing waits for it", () => {
  const timeline = new Timeline("/ctx/lobby");
  timeline.begin([], false);
  timeline.settle();
  timeline.deliver(post({ seq: 1 }));
  timeline.deliver(post({ seq: 5 }));
  assert.equal(timeline.knownTo, 5);
  assert.deepEqual(seqs(timeline), [1, 5]);
});

// Every order in which three things can reach a page.
function orders(posts: readonly Post[]): Post[][] {
  if (posts.length < 2) return [[...posts]];
  return posts.flatMap((first) => orders(posts.filter((other) => other !== first)).map((rest) => [first, ...rest]));
}

test("the latest edit is shown, whatever the order in which it was learned", () => {
  const create = post({ seq: 1, content: "frist" });
  const edit = post({ seq: 2, type: "Update", object: "id-1", content: "first" });
  const again = post({ seq: 3, type: "Update", object: "id-1", content: "First." });
  for (const order of orders([create, edit, again])) {
    const timeline = new Timeline("/ctx/lobby");
    for (const each of order) timeline.deliver(each);
    assert.deepEqual(contents(timeline), ["First."]);
    assert.equal(timeline.entries()[0]?.edited, true);
  }
});

test("history with the present content wins over an edit that is older than it", () => {
  const timeline = new Timeline("/ctx/lobby");
  timeline.deliver(post({ seq: 2, type: "Update", object: "id-1", content: "second" }));
  timeline.begin([post({ seq: 1, content: "third", updated: 3 })], false);
  assert.deepEqual(contents(timeline), ["third"]);
});

test("an edit that is newer than what history read wins over it", () => {
  const timeline = new Timeline("/ctx/lobby");
  timeline.deliver(post({ seq: 3, type: "Update", object: "id-1", content: "third" }));
  timeline.begin([post({ seq: 1, content: "second", updated: 2 })], false);
  assert.deepEqual(contents(timeline), ["third"]);
});

test("a later reading of a post brings its later content, an earlier one does not take it back", () => {
  const timeline = new Timeline("/ctx/lobby");
  timeline.begin([post({ seq: 1, content: "first" })], false);
  timeline.prepend([post({ seq: 1, content: "second", updated: 2 })], false);
  timeline.prepend([post({ seq: 1, content: "first" })], false);
  assert.deepEqual(contents(timeline), ["second"]);
});

test("a removed post keeps its place and loses its text, whatever the order in which it was learned", () => {
  const create = post({ seq: 1, content: "secret" });
  const edit = post({ seq: 2, type: "Update", object: "id-1", content: "still secret" });
  const removal = post({ seq: 3, type: "Delete", object: "id-1", content: "" });
  for (const order of orders([create, edit, removal])) {
    const timeline = new Timeline("/ctx/lobby");
    for (const each of order) timeline.deliver(each);
    assert.deepEqual(timeline.entries().map((entry) => [entry.post.seq, entry.content, entry.removed, entry.edited]), [[1, "", true, false]]);
  }
});

test("a tombstone read again replaces the post, and a stale reading does not bring it back", () => {
  const timeline = new Timeline("/ctx/lobby");
  timeline.deliver(post({ seq: 1, content: "secret" }));
  timeline.prepend([post({ seq: 1, objectType: "Tombstone", content: "" })], false);
  timeline.prepend([post({ seq: 1, content: "secret", updated: 9 })], false);
  assert.deepEqual(timeline.entries().map((entry) => [entry.content, entry.removed]), [["", true]]);
});

test("an edit and a removal are no entries of their own", () => {
  const timeline = new Timeline("/ctx/lobby");
  timeline.begin([post({ seq: 3, type: "Delete", object: "elsewhere" }), post({ seq: 2, type: "Update", object: "elsewhere" })], true);
  assert.deepEqual(timeline.entries(), []);
  assert.equal(timeline.before, 2);
});

test("what is trimmed can be read again", () => {
  const timeline = new Timeline("/ctx/lobby");
  timeline.begin([5, 4, 3, 2, 1].map((seq) => post({ seq })), false);
  timeline.trim(3);
  assert.deepEqual(seqs(timeline), [3, 4, 5]);
  assert.equal(timeline.hasOlder, true);
  assert.equal(timeline.before, 3);
  timeline.prepend([post({ seq: 2 }), post({ seq: 1 })], false);
  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5]);
});

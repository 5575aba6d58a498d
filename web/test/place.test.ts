import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, addressed, everything, parseTopic, placeOf, restPath, streamTopic } from "../src/place.ts";

test("a topic names its place and what flows there", () => {
  assert.deepEqual(parseTopic("/ctx/maths-3/messages"), { place: "/ctx/maths-3", word: "messages", rest: "" });
  assert.deepEqual(parseTopic("/conv/0190/receipts/bob"), { place: "/conv/0190", word: "receipts", rest: "bob" });
  assert.deepEqual(parseTopic("/user/b@x.example/posts"), { place: "/user/b@x.example", word: "posts", rest: "" });
  for (const topic of ["/ctx//messages", "ctx/a/messages", "/ctx/+/messages", "/ctx/a", "/ctx/a/", "/elsewhere/a/messages", "$SYS/a", ""]) {
    assert.equal(parseTopic(topic), null, topic);
  }
});

test("a place has a stream, a path and an address that leads back to it", () => {
  const cases = [
    [placeOf("ctx", "maths-3"), "/ctx/maths-3/messages", "/contexts/maths-3"],
    [placeOf("conv", "0190"), "/conv/0190/messages", "/conversations/0190"],
    [placeOf("user", "b@x.example"), "/user/b@x.example/posts", "/people/b%40x.example"],
  ] as const;
  for (const [place, topic, path] of cases) {
    assert.equal(streamTopic(place), topic);
    assert.equal(restPath(place), path);
    assert.equal(addressed(addressOf(place)), place);
  }
  assert.equal(addressed(addressOf(everything)), everything);
  for (const hash of ["", "#", "#/", "#lobby", "#/lobby", "#/%", "#/ctx/a/b", "#/ctx/+", "#/elsewhere/a"]) assert.equal(addressed(hash), null, hash);
});

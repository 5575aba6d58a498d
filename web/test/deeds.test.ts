import assert from "node:assert/strict";
import { test } from "node:test";
import { Deeds } from "../src/deeds.ts";
import { Problem } from "../src/problem.ts";
import { Tallies } from "../src/tallies.ts";
import { post, wire } from "./fixture.ts";

function site() {
  const asked: string[] = [];
  const said: string[] = [];
  const answer: { body: Record<string, unknown>; problem: Problem | null } = { body: {}, problem: null };
  const take = async (line: string) => {
    asked.push(line);
    if (answer.problem !== null) throw answer.problem;
    return answer.body;
  };
  const rest = {
    get: (path: string) => take(`GET ${path}`),
    put: (path: string, body?: unknown) => take(body === undefined ? `PUT ${path}` : `PUT ${path} ${JSON.stringify(body)}`),
    post: (path: string, body: unknown) => take(`POST ${path} ${JSON.stringify(body)}`),
    patch: (path: string, body: unknown) => take(`PATCH ${path} ${JSON.stringify(body)}`),
    delete: async (path: string) => void (await take(`DELETE ${path}`)),
  };
  const tallies = new Tallies(rest, () => {});
  const events = { say: (sentence: string) => void said.push(sentence), roomsChanged: async () => void said.push("rooms") };
  return { asked, said, answer, tallies, deeds: new Deeds(rest, tallies, events) };
}

test("posts, messages and comments are each done to by their own address", async () => {
  const { asked, deeds } = site();
  await deeds.edit(post({ seq: 1 }), "better");
  await deeds.remove({ ...post({ seq: 2 }), place: "/conv/0190" });
  await deeds.remove({ ...post({ seq: 3 }), isComment: true });
  await deeds.favor(post({ seq: 4 }), true);
  await deeds.flag(post({ seq: 4 }), false);
  await deeds.share(post({ seq: 5 }), "/ctx/staff", "look");
  await deeds.share(post({ seq: 5 }), "/user/alice", "");
  assert.deepEqual(asked, [
    'PATCH /activities/id-1 {"content":"better"}',
    "DELETE /messages/id-2",
    "DELETE /comments/id-3",
    "PUT /activities/id-4/favorite",
    "DELETE /activities/id-4/flag",
    'POST /activities/id-5/share {"context":"staff","content":"look"}',
    "POST /activities/id-5/share {}",
  ]);
});

test("a like shows at once, and is taken back with a word where the server does not take it", async () => {
  const { said, answer, tallies, deeds } = site();
  tallies.assume("id-1", { likes: 2 });
  const liking = deeds.like(post({ seq: 1 }), true);
  assert.deepEqual([tallies.of("id-1").likes, tallies.of("id-1").isLiked], [3, true]);
  assert.equal(await liking, true);
  answer.problem = new Problem(404, "not_found", "There is no such post.");
  assert.equal(await deeds.like(post({ seq: 1 }), false), false);
  assert.deepEqual([tallies.of("id-1").likes, tallies.of("id-1").isLiked], [3, true]);
  assert.equal(said.at(-1), "There is no such post.");
});

test("a conversation that is begun has a place, after the list knows it", async () => {
  const { asked, said, answer, deeds } = site();
  answer.body = { id: "0190" };
  assert.equal(await deeds.converse(["bob"], ""), "/conv/0190");
  assert.equal(await deeds.converse(["bob", "carol"], "Trip"), "/conv/0190");
  assert.deepEqual(asked, ['POST /conversations {"participants":["bob"]}', 'POST /conversations {"participants":["bob","carol"],"displayName":"Trip"}']);
  assert.ok(said.includes("rooms"));
  answer.problem = new Problem(403, "forbidden", "You may not write to them.");
  assert.equal(await deeds.converse(["bob"], ""), "");
  assert.equal(said.at(-1), "You may not write to them.");
});

test("contexts have members and conversations participants", async () => {
  const { asked, deeds } = site();
  await deeds.join("/ctx/lobby");
  await deeds.leave("/conv/0190");
  await deeds.add("/conv/0190", "b@x.example");
  await deeds.mute("/ctx/lobby", true);
  await deeds.follow("bob", false);
  assert.deepEqual(asked, [
    "PUT /contexts/lobby/members/me",
    "DELETE /conversations/0190/participants/me",
    "PUT /conversations/0190/participants/b%40x.example",
    "PUT /contexts/lobby/mute",
    "DELETE /people/bob/follow",
  ]);
});

test("who owns a group removes people, hands it over and ends it", async () => {
  const { asked, said, deeds } = site();
  await deeds.dismiss("/conv/0190", "b@x.example");
  await deeds.handOver("/conv/0190", "carol");
  await deeds.end("/conv/0190");
  assert.deepEqual(asked, ["DELETE /conversations/0190/participants/b%40x.example", 'PUT /conversations/0190/owner {"owner":"carol"}', "DELETE /conversations/0190"]);
  assert.equal(said.filter((word) => word === "rooms").length, 3);
});

test("somebody is blocked, and no longer", async () => {
  const { asked, answer, deeds } = site();
  await deeds.block("bob", true);
  await deeds.block("bob", false);
  answer.body = { items: [{ name: "bob", displayName: "Bob" }] };
  assert.deepEqual([...(await deeds.blocked())], ["bob"]);
  assert.deepEqual(asked, ["PUT /people/bob/block", "DELETE /people/bob/block", "GET /me/blocks?limit=200"]);
});

test("somebody is ignored, and no longer", async () => {
  const { asked, answer, deeds } = site();
  await deeds.ignore("bob", true);
  await deeds.ignore("bob", false);
  answer.body = { items: [{ name: "bob", displayName: "Bob" }] };
  assert.deepEqual([...(await deeds.ignored())], ["bob"]);
  assert.deepEqual(asked, ["PUT /people/bob/ignore", "DELETE /people/bob/ignore", "GET /me/ignores?limit=200"]);
});

test("posts and comments are reported, and reports of a context are resolved with a word", async () => {
  const { asked, said, answer, deeds } = site();
  await deeds.report(post({ seq: 1 }), "rude");
  await deeds.report({ ...post({ seq: 2 }), isComment: true }, "rude too");
  answer.body = {
    items: [
      { id: "r-1", activity: "id-1", actor: { id: "carol", name: "Carol" }, reason: "rude", object: wire({ seq: 1, content: "grr" }) },
      { id: "r-2", activity: "id-9", actor: { type: "Person", id: "carol", name: "carol" }, reason: "private", published: "x" },
      { reason: "no report" },
    ],
  };
  const reports = await deeds.reports("/ctx/maths-3");
  assert.deepEqual(
    reports.map((report) => [report.id, report.reporter, report.reason, report.post?.content]),
    [["r-1", "Carol", "rude", "grr"], ["r-2", "carol", "private", undefined]],
  );
  assert.equal(await deeds.resolve(reports[0]!, "spoke with them"), true);
  answer.problem = new Problem(409, "conflict", "Somebody has resolved it.");
  assert.equal(await deeds.resolve(reports[0]!, "once more"), false);
  assert.equal(said.at(-1), "Somebody has resolved it.");
  assert.deepEqual(asked.slice(0, 4), [
    'POST /activities/id-1/report {"reason":"rude"}',
    'POST /comments/id-2/report {"reason":"rude too"}',
    "GET /reports?limit=200&context=maths-3",
    'PATCH /reports/r-1 {"outcome":"spoke with them"}',
  ]);
});

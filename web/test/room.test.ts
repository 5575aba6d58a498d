import assert from "node:assert/strict";
import { test } from "node:test";
import { listRooms, moderates, parseContext, parseConversation } from "../src/room.ts";
import { Rooms } from "../src/rooms.ts";
import { post, wire } from "./fixture.ts";

test("all pages of contexts are read, with what the list of one's own tells of them", async () => {
  const asked: string[] = [];
  const rooms = await listRooms({
    get: async (path) => {
      asked.push(path);
      if (path.startsWith("/me/conversations")) return { items: [] };
      if (path.startsWith("/me/contexts")) return { items: [{ id: "b", position: "e1:7", read: 5, unread: 2, last: wire({ seq: 7 }) }] };
      return path.includes("cursor")
        ? { items: [{ id: "a", displayName: "Alpha", member: false, description: "first", may: ["read", "subscribe"] }] }
        : { items: [{ id: "b", displayName: "Beta", member: true, may: ["read"] }, { id: 7 }, null], next: "a/b+c" };
    },
  }, "alice");
  assert.deepEqual(asked.sort(), ["/contexts?limit=200", "/contexts?limit=200&cursor=a%2Fb%2Bc", "/me/contexts?limit=200", "/me/conversations?limit=200"]);
  const [beta, alpha] = rooms;
  assert.deepEqual([beta?.place, beta?.name, beta?.isMember, beta?.head, beta?.read, beta?.unread, beta?.last?.seq], ["/ctx/b", "Beta", true, 7, 5, 2, 7]);
  assert.deepEqual([beta?.may("read"), beta?.may("write")], [true, false]);
  assert.deepEqual([alpha?.place, alpha?.isMember, alpha?.description, alpha?.head, alpha?.unread, alpha?.last], ["/ctx/a", false, "first", 0, 0, null]);
});

const room = (of: Record<string, unknown> = {}) => {
  const parsed = parseContext({ id: "lobby", member: true }, { position: "e:10", read: 8, unread: 1, ...of });
  assert.ok(parsed);
  return parsed;
};

test("what was heard while the list was made is added to it, and nothing is counted twice", () => {
  const rooms = new Rooms("alice");
  rooms.replace([room()]);
  for (const seq of [10, 11, 12, 11]) rooms.hear({ ...post({ seq }), place: "/ctx/lobby" });
  assert.equal(rooms.get("/ctx/lobby")?.unread, 3);
  rooms.replace([room({ position: "e:11", unread: 2 })]);
  assert.equal(rooms.get("/ctx/lobby")?.unread, 3);
  assert.equal(rooms.get("/ctx/lobby")?.head, 12);
});

test("a list that was made before one read does not bring the badge back", () => {
  const rooms = new Rooms("alice");
  rooms.replace([room()]);
  assert.equal(rooms.read("/ctx/lobby", 10), false);
  assert.equal(rooms.unread, 0);
  rooms.replace([room()]);
  assert.equal(rooms.unread, 0);
});

test("one's own post moves the marker where nothing was unread", () => {
  const rooms = new Rooms("alice");
  rooms.replace([room({ unread: 0 })]);
  rooms.hear(post({ seq: 11, actor: "alice" }));
  assert.equal(rooms.get("/ctx/lobby")?.read, 11);
  rooms.hear(post({ seq: 12 }));
  rooms.hear(post({ seq: 13, actor: "alice" }));
  assert.deepEqual([rooms.get("/ctx/lobby")?.read, rooms.unread], [11, 1]);
});

test("a muted room and one that was not joined do not call", () => {
  const rooms = new Rooms("alice");
  const parsed = parseContext({ id: "news", member: false }, {});
  assert.ok(parsed);
  rooms.replace([room({ muted: true }), parsed]);
  rooms.hear({ ...post({ seq: 1 }), place: "/ctx/news" });
  assert.equal(rooms.get("/ctx/lobby")?.unread, 1);
  assert.equal(rooms.unread, 0);
});

test("a conversation is called as its list says, and tells who takes part", () => {
  const people = [{ name: "alice", displayName: "Alice" }, { name: "bob", displayName: "Bob" }];
  const pair = parseConversation({ id: "0190", displayName: "Bob", participants: people, tags: [], may: ["read", "write"], position: "e:3", unread: 1 }, "alice");
  assert.deepEqual([pair?.place, pair?.name, pair?.isGroup, pair?.unread, pair?.head], ["/conv/0190", "Bob", false, 1, 3]);
  assert.deepEqual(pair?.people.map((person) => person.id), ["alice", "bob"]);
  const group = parseConversation({ id: "0191", participants: people, tags: ["group"], owner: "alice", muted: { until: "2027-01-01T00:00:00Z" } }, "alice");
  assert.deepEqual([group?.name, group?.isGroup, group?.owner, group?.isMuted], ["Bob", true, "alice", true]);
  assert.equal(parseConversation({ displayName: "x" }, "alice"), null);
});

test("a context's owner, managers and moderators see what is reported there, and nobody else", () => {
  const room = parseContext({ id: "lobby", owner: "alice", member: true, may: ["read", "delete"] }, {})!;
  const me = (id: string, ...roles: string[]) => ({ id, name: id, roles });
  assert.deepEqual(
    [me("alice"), me("root", "manager"), me("mo", "auditor", "moderator"), me("bob"), me("audrey", "auditor")].map((who) => moderates(who, room)),
    [true, true, true, false, false],
  );
  const group = parseConversation({ id: "0190", owner: "alice", tags: ["group"], participants: [] }, "alice")!;
  assert.equal(moderates(me("alice", "manager"), group), false);
});

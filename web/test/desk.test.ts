import assert from "node:assert/strict";
import { test } from "node:test";
import { Desk, type Line } from "../src/desk.ts";
import { Outbox } from "../src/outbox.ts";
import type { Post } from "../src/post.ts";
import { Problem } from "../src/problem.ts";
import { memory, settled, wire, type Wire } from "./fixture.ts";

/** The server's side of a page: contexts, one stream each, and a line that can be cut. */
class Site {
  readonly members = new Map([
    ["lobby", true],
    ["news", false],
  ]);
  readonly streams = new Map<string, Record<string, unknown>[]>();
  readonly published: { topic: string; content: string; key: string }[] = [];
  readonly receipts: string[] = [];
  readonly told: string[] = [];
  /** How far the person has read, by context. */
  readonly read = new Map<string, number>();
  readonly subscribed = new Set<string>();
  isUp = true;
  /** Answers wait for this. */
  hold: Promise<void> = Promise.resolve();
  /** REST fails although the line is up. */
  isFailing = false;
  asked = 0;
  readonly heard: Post[] = [];
  readonly desk: Desk;
  readonly line: Line;

  constructor(store = memory()) {
    this.line = {
      start: () => this.connect(),
      stop: () => this.cut(),
      follow: async (filter) => (this.subscribed.add(filter), this.isUp),
      unfollow: (filter) => void this.subscribed.delete(filter),
      tell: (topic, payload) => void this.told.push(`${topic} ${payload}`),
      publish: (topic, payload) => {
        if (!this.isUp) return false;
        if (topic.endsWith("/receipts")) this.receipts.push(`${topic} ${payload}`);
        else this.published.push({ topic, ...(JSON.parse(payload) as { content: string; key: string }) });
        return true;
      },
    };
    const outbox = new Outbox(store, "alice", () => {});
    this.desk = new Desk({ id: "alice", name: "Alice", roles: [] }, this.rest(), outbox, {
      changed: () => {},
      heard: (posts) => void this.heard.push(...posts),
    }, () => Promise.reject(new Error("nothing is uploaded here")));
  }

  async open(id: string): Promise<void> {
    this.desk.start(this.line);
    this.desk.show(`/ctx/${id}`);
    await settled();
  }

  post(context: string, of: Partial<Wire> = {}): Record<string, unknown> {
    const stream = this.streams.get(context) ?? [];
    const post = wire({ ...of, context, seq: stream.length + 1 });
    this.streams.set(context, [...stream, post]);
    return post;
  }

  /** Posts and delivers, as to whoever is connected. */
  say(context: string, of: Partial<Wire> = {}): void {
    this.desk.message(`/ctx/${context}/messages`, JSON.stringify(this.post(context, of)));
  }

  write(content: string): boolean {
    return this.desk.write({ place: this.desk.open?.place ?? "", thread: "", inReplyTo: "", isMarkdown: false, content, files: [] });
  }

  cut(): void {
    this.isUp = false;
    this.desk.state({ is: "waiting", retryAt: 0 });
  }

  connect(): void {
    this.isUp = true;
    this.desk.state({ is: "online" });
    this.desk.ready();
  }

  shown(): string[] {
    return (this.desk.open?.entries() ?? []).map((entry) => entry.content);
  }

  private overview(id: string) {
    const stream = this.streams.get(id) ?? [];
    const read = this.read.get(id) ?? 0;
    const fresh = stream.slice(read).filter((post) => post["type"] === "Create" && (post["actor"] as { id: string }).id !== "alice");
    return { id, displayName: id, position: `e:${stream.length}`, read, unread: fresh.length, ...(stream.length > 0 ? { last: stream.at(-1) } : {}) };
  }

  private rest() {
    return {
      get: async (path: string) => {
        this.asked++;
        if (!this.isUp) throw new Problem(0, "unreachable", "The server cannot be reached.");
        if (this.isFailing) throw new Problem(503, "unavailable", "The store is away.");
        const url = new URL(path, "http://server");
        if (url.pathname === "/contexts") {
          return { items: [...this.members].map(([id, member]) => ({ id, displayName: id, member })) };
        }
        if (url.pathname === "/me/contexts") {
          return { items: [...this.members].filter(([, member]) => member).map(([id]) => this.overview(id)) };
        }
        if (url.pathname === "/me/conversations") return { items: [] };
        const id = url.pathname.split("/")[2] ?? "";
        if (!this.members.has(id)) throw new Problem(404, "not_found", "There is no such context.");
        const after = url.searchParams.get("after");
        const stream = this.streams.get(id) ?? [];
        await this.hold;
        return { items: after === null ? [...stream].reverse() : stream.filter((post) => Number(post["seq"]) > Number(after)) };
      },
      put: async (path: string) => (this.members.set(path.split("/")[2] ?? "", true), {}),
      delete: async (path: string) => void this.members.set(path.split("/")[2] ?? "", false),
      post: async () => ({}),
      patch: async () => ({}),
    };
  }
}

test("history and live posts stand together, each once", async () => {
  const site = new Site();
  site.post("lobby", { content: "one" });
  await site.open("lobby");
  site.say("lobby", { content: "two" });
  site.desk.message("/ctx/lobby/messages", JSON.stringify(site.streams.get("lobby")?.[1]));
  assert.deepEqual(site.shown(), ["one", "two"]);
  assert.equal(site.heard.length, 1);
});

test("what was posted during a break is there after it, without a second of what was known", async () => {
  const site = new Site();
  site.post("lobby", { content: "one" });
  await site.open("lobby");
  site.cut();
  site.post("lobby", { content: "two" });
  site.post("lobby", { content: "three" });
  site.connect();
  // Before the pages arrive, a newer post comes live.
  site.say("lobby", { content: "four" });
  await settled();
  assert.deepEqual(site.shown(), ["one", "two", "three", "four"]);
  assert.deepEqual(site.heard.map((post) => post.seq).sort(), [2, 3, 4]);
});

test("a second break during the catch-up loses nothing either", async () => {
  const site = new Site();
  site.post("lobby", { content: "one" });
  await site.open("lobby");
  site.cut();
  site.post("lobby", { content: "two" });
  site.connect();
  site.cut();
  await settled();
  site.post("lobby", { content: "three" });
  site.connect();
  site.say("lobby", { content: "four" });
  await settled();
  assert.deepEqual(site.shown(), ["one", "two", "three", "four"]);
});

test("an answer from before a break does not pass for the state after it", async () => {
  const site = new Site();
  site.post("lobby", { content: "one" });
  let answer = () => {};
  site.hold = new Promise((resolve) => (answer = resolve));
  await site.open("lobby");
  site.cut();
  site.post("lobby", { content: "two" });
  answer();
  await settled();
  assert.deepEqual(site.shown(), ["one"]);
  // What comes now must not move the mark over what was missed.
  site.desk.state({ is: "online" });
  site.say("lobby", { content: "three" });
  site.connect();
  await settled();
  assert.deepEqual(site.shown(), ["one", "two", "three"]);
});

test("a reading that fails is tried again while the page is open, and not after", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const site = new Site();
  site.post("lobby", { content: "one" });
  site.isFailing = true;
  await site.open("lobby");
  assert.equal(site.desk.shelf.obstacle, "The store is away.");
  t.mock.timers.tick(1000);
  await settled();
  assert.deepEqual(site.shown(), []);
  site.isFailing = false;
  t.mock.timers.tick(2000);
  await settled();
  assert.deepEqual(site.shown(), ["one"]);
  assert.equal(site.desk.shelf.obstacle, "");
  site.cut();
  site.connect();
  site.isFailing = true;
  await settled();
  site.desk.stop();
  const before = site.asked;
  t.mock.timers.tick(60_000);
  await settled();
  assert.equal(site.asked, before);
});

test("a message written while disconnected is sent once the connection is back, and again until acknowledged", async () => {
  const site = new Site();
  await site.open("lobby");
  site.cut();
  assert.equal(site.write("hello"), true);
  assert.equal(site.published.length, 0);
  site.connect();
  site.cut();
  site.connect();
  assert.equal(site.published.length, 2);
  assert.equal(site.published[0]?.topic, "/ctx/lobby/messages");
  assert.equal(site.published[0]?.key, site.published[1]?.key);
  site.desk.acknowledged(site.published[0]?.key ?? "");
  site.cut();
  site.connect();
  assert.equal(site.published.length, 2);
});

test("one's own message is shown once, whether the post or the acknowledgement comes first", async () => {
  for (const isPostFirst of [true, false]) {
    const site = new Site();
    await site.open("lobby");
    site.write("hello");
    const key = site.published[0]?.key ?? "";
    const deliver = () => site.say("lobby", { content: "hello", actor: "alice", key });
    if (isPostFirst) deliver();
    site.desk.acknowledged(key);
    if (!isPostFirst) deliver();
    assert.deepEqual(site.shown(), ["hello"]);
    assert.deepEqual(site.desk.outbox.of("/ctx/lobby"), []);
    assert.equal(site.heard.length, 0, "one does not hear oneself");
  }
});

test("a message whose acknowledgement was lost is found in what the catch-up reads", async () => {
  const site = new Site();
  await site.open("lobby");
  site.write("hello");
  site.cut();
  site.post("lobby", { content: "hello", actor: "alice", key: site.published[0]?.key ?? "" });
  site.connect();
  await settled();
  assert.deepEqual(site.shown(), ["hello"]);
  assert.deepEqual(site.desk.outbox.of("/ctx/lobby"), []);
});

test("a refusal is told beside its message; one that belongs to none is told at large", async () => {
  const site = new Site();
  await site.open("news");
  site.write("hello");
  const key = site.published[0]?.key ?? "";
  const refusal = { topic: "/ctx/news/messages", packet: 7, code: "forbidden", detail: "You may not write here." };
  site.desk.message("/user/alice/errors", JSON.stringify({ ...refusal, key }));
  site.desk.acknowledged(key);
  assert.deepEqual(site.desk.outbox.of("/ctx/news").map((draft) => [draft.fate, draft.detail]), [["refused", "You may not write here."]]);
  assert.equal(site.desk.notice, "");
  site.desk.message("/user/alice/errors", JSON.stringify(refusal));
  assert.equal(site.desk.notice, "You may not write here.");
  site.desk.say("");
});

test("posts of other contexts are counted until one reads them, and the server is told", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const site = new Site();
  site.members.set("news", true);
  await site.open("lobby");
  const unread = () => site.desk.rooms.get("/ctx/news")?.unread;
  site.say("news", { content: "extra" });
  site.say("news", { type: "Update", object: "id-1" });
  assert.equal(unread(), 1);
  assert.equal(site.desk.rooms.get("/ctx/news")?.last?.content, "text 2", "as it reads now");
  site.say("news", { content: "mine", actor: "alice" });
  assert.equal(unread(), 1, "one's own post reads nothing of the others'");
  site.desk.show("/ctx/news");
  await settled();
  assert.deepEqual(site.shown(), ["text 2", "mine"]);
  assert.equal(unread(), 1, "the page has not said that anybody looks");
  site.desk.read();
  assert.equal(unread(), 0);
  t.mock.timers.tick(300);
  assert.deepEqual(site.receipts, ['/ctx/news/receipts {"delivered":3,"read":3}']);
});

test("a receipt that was not acknowledged is sent again after a break, and an acknowledged one is not", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const site = new Site();
  site.post("lobby");
  await site.open("lobby");
  site.desk.read();
  t.mock.timers.tick(300);
  site.cut();
  site.connect();
  assert.deepEqual(site.receipts, Array(2).fill('/ctx/lobby/receipts {"delivered":1,"read":1}'));
  site.desk.acknowledged("/ctx/lobby");
  site.cut();
  site.connect();
  assert.equal(site.receipts.length, 2);
});

test("what another device has read is read here, and the list tells what is left", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const site = new Site();
  site.members.set("news", true);
  for (let i = 0; i < 5; i++) site.post("news");
  await site.open("lobby");
  const unread = () => site.desk.rooms.get("/ctx/news")?.unread;
  const elsewhere = (read: number) => {
    site.read.set("news", read);
    site.desk.message("/ctx/news/receipts/alice", JSON.stringify({ delivered: 5, read }));
  };
  assert.equal(unread(), 5);
  elsewhere(3);
  t.mock.timers.tick(1_000);
  await settled();
  assert.equal(unread(), 2);
  elsewhere(5);
  assert.equal(unread(), 0);
  site.desk.message("/ctx/news/receipts/alice", JSON.stringify({ delivered: 5, read: 2 }));
  assert.equal(unread(), 0, "a marker only grows");
  site.desk.message("/ctx/news/receipts/bob", JSON.stringify({ delivered: 5, read: 9 }));
  site.say("news");
  assert.equal(unread(), 1, "others' markers are theirs");
});

test("a sum of the server's that stays another one brings the list up to date", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const site = new Site();
  await site.open("lobby");
  const before = site.asked;
  const count = (total: number) => site.desk.message("/user/alice/counters", JSON.stringify({ unread: { contexts: total, conversations: 0 }, total }));
  count(1);
  site.desk.show("/ctx/news");
  await settled();
  const shown = site.asked;
  count(0);
  t.mock.timers.tick(5_000);
  await settled();
  assert.equal(site.asked, shown, "it was only ahead");
  count(2);
  t.mock.timers.tick(5_000);
  await settled();
  assert.equal(site.asked, shown + 3);
  assert.ok(shown > before);
});

test("a removal among what is unread is counted by the server", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const site = new Site();
  site.members.set("news", true);
  await site.open("lobby");
  site.say("news", { content: "one" });
  site.say("news", { content: "two" });
  const before = site.asked;
  site.say("news", { type: "Delete", object: "id-1" });
  t.mock.timers.tick(1_000);
  await settled();
  assert.equal(site.asked, before + 3, "all three lists, once");
});

/** What a page is subscribed to wherever one is. */
const standing = [
  "/conv/+/events", "/conv/+/messages", "/conv/+/receipts/alice", "/ctx/+/events", "/ctx/+/messages", "/ctx/+/receipts/alice",
  "/user/+/posts", "/user/alice/counters", "/user/alice/errors", "/user/alice/posts",
];

/** And in a context that is open, by its name. */
const beside = ["messages", "comments", "reactions", "typing", "presence", "receipts/+"];

test("a public context is subscribed by name while it is open, and only then", async () => {
  const site = new Site();
  await site.open("news");
  assert.deepEqual([...site.subscribed].sort(), [...standing, ...beside.map((word) => `/ctx/news/${word}`)].sort());
  site.desk.show(null);
  assert.deepEqual([...site.subscribed].sort(), standing);
});

test("coming back to a context reads what passed by while it was closed", async () => {
  const site = new Site();
  await site.open("news");
  site.desk.show("/ctx/lobby");
  site.post("news", { content: "unheard" });
  site.desk.show("/ctx/news");
  await settled();
  assert.deepEqual(site.shown(), ["unheard"]);
});

test("a context that is not there says so", async () => {
  const site = new Site();
  await site.open("nowhere");
  assert.equal(site.desk.shelf.obstacle, "There is no such context.");
  site.desk.show("/ctx/lobby");
  await settled();
  assert.equal(site.desk.shelf.obstacle, "");
});

test("joining and leaving show in the list", async () => {
  const site = new Site();
  await site.open("news");
  assert.equal(site.desk.room?.isMember, false);
  await site.desk.deeds.join("/ctx/news");
  assert.equal(site.desk.room?.isMember, true);
  await site.desk.deeds.leave("/ctx/news");
  assert.equal(site.desk.room?.isMember, false);
});

test("messages of a context that is not in the list yet bring it there, and not one request each", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const site = new Site();
  await site.open("lobby");
  site.members.set("staff", true);
  const before = site.asked;
  for (let i = 0; i < 100; i++) site.say("staff");
  await settled();
  assert.equal(site.asked, before);
  t.mock.timers.tick(1_000);
  await settled();
  assert.equal(site.asked, before + 3, "all three lists, once");
  assert.deepEqual(site.desk.rooms.all().map((room) => room.place), ["/ctx/lobby", "/ctx/news", "/ctx/staff"]);
  assert.equal(site.desk.rooms.get("/ctx/staff")?.unread, 100);
});

test("a list that can't be read is asked for again, until it can", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const site = new Site();
  site.isFailing = true;
  await site.open("lobby");
  assert.equal(site.desk.rooms.isListed, false);
  site.isFailing = false;
  t.mock.timers.tick(3_000);
  await settled();
  assert.equal(site.desk.rooms.isListed, true);
  site.desk.stop();
});

test("payloads that are no posts change nothing", async () => {
  const site = new Site();
  site.post("lobby", { content: "one" });
  await site.open("lobby");
  for (const payload of ["", "hello", "null", "[]", "{}", '{"seq":0,"id":"x","type":"Create"}', '{"seq":"2","id":"x","type":"Create"}']) {
    site.desk.message("/ctx/lobby/messages", payload);
    site.desk.message("/user/alice/errors", payload);
  }
  assert.deepEqual(site.shown(), ["one"]);
  site.desk.stop();
});

test("who is added, removed, or hears that a room has ended, asks for the list again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const site = new Site();
  await site.open("lobby");
  assert.ok(site.subscribed.has("/conv/+/events") && site.subscribed.has("/ctx/+/events"));
  const asks = async (topic: string, of: Partial<Wire>) => {
    t.mock.timers.tick(60_000);
    await settled();
    const before = site.asked;
    site.desk.message(topic, JSON.stringify(wire({ seq: 9, ...of })));
    await settled();
    return site.asked > before;
  };
  assert.equal(await asks("/conv/0190/events", { type: "Leave", object: "alice" }), true);
  assert.equal(await asks("/conv/0190/events", { type: "Join", object: "carol" }), true);
  assert.equal(await asks("/ctx/lobby/events", { type: "Delete", object: "lobby" }), true);
  assert.equal(await asks("/ctx/lobby/events", { type: "Leave", object: "alice" }), true);
  assert.equal(await asks("/ctx/lobby/events", { type: "Join", object: "carol" }), false);
});

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
      publish: (topic, payload) => {
        if (this.isUp) this.published.push({ topic, ...(JSON.parse(payload) as { content: string; key: string }) });
        return this.isUp;
      },
    };
    const outbox = new Outbox(store, "alice", () => {});
    this.desk = new Desk({ id: "alice", name: "Alice" }, this.rest(), outbox, {
      changed: () => {},
      heard: (posts) => void this.heard.push(...posts),
    });
  }

  async open(id: string): Promise<void> {
    this.desk.start(this.line);
    this.desk.show(id);
    await settled();
  }

  post(context: string, of: Partial<Wire> = {}): Record<string, unknown> {
    const stream = this.streams.get(context) ?? [];
    const post = wire({ ...of, seq: stream.length + 1 });
    this.streams.set(context, [...stream, post]);
    return post;
  }

  /** Posts and delivers, as to whoever is connected. */
  say(context: string, of: Partial<Wire> = {}): void {
    this.desk.message(`/ctx/${context}/messages`, JSON.stringify(this.post(context, of)));
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
        const id = url.pathname.split("/")[2] ?? "";
        if (!this.members.has(id)) throw new Problem(404, "not_found", "There is no such context.");
        const after = url.searchParams.get("after");
        const stream = this.streams.get(id) ?? [];
        await this.hold;
        return { items: after === null ? [...stream].reverse() : stream.filter((post) => Number(post["seq"]) > Number(after)) };
      },
      put: async (path: string) => void this.members.set(path.split("/")[2] ?? "", true),
      delete: async (path: string) => void this.members.set(path.split("/")[2] ?? "", false),
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
  assert.equal(site.desk.obstacle, "The store is away.");
  t.mock.timers.tick(1000);
  await settled();
  assert.deepEqual(site.shown(), []);
  site.isFailing = false;
  t.mock.timers.tick(2000);
  await settled();
  assert.deepEqual(site.shown(), ["one"]);
  assert.equal(site.desk.obstacle, "");
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
  assert.equal(site.desk.write("hello"), true);
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
    site.desk.write("hello");
    const key = site.published[0]?.key ?? "";
    const deliver = () => site.say("lobby", { content: "hello", actor: "alice", key });
    if (isPostFirst) deliver();
    site.desk.acknowledged(key);
    if (!isPostFirst) deliver();
    assert.deepEqual(site.shown(), ["hello"]);
    assert.deepEqual(site.desk.outbox.of("lobby"), []);
    assert.equal(site.heard.length, 0, "one does not hear oneself");
  }
});

test("a message whose acknowledgement was lost is found in what the catch-up reads", async () => {
  const site = new Site();
  await site.open("lobby");
  site.desk.write("hello");
  site.cut();
  site.post("lobby", { content: "hello", actor: "alice", key: site.published[0]?.key ?? "" });
  site.connect();
  await settled();
  assert.deepEqual(site.shown(), ["hello"]);
  assert.deepEqual(site.desk.outbox.of("lobby"), []);
});

test("a refusal is told beside its message; one that belongs to none is told at large", async () => {
  const site = new Site();
  await site.open("news");
  site.desk.write("hello");
  const key = site.published[0]?.key ?? "";
  const refusal = { topic: "/ctx/news/messages", packet: 7, code: "forbidden", detail: "You may not write here." };
  site.desk.message("/user/alice/errors", JSON.stringify({ ...refusal, key }));
  site.desk.acknowledged(key);
  assert.deepEqual(site.desk.outbox.of("news").map((draft) => [draft.fate, draft.detail]), [["refused", "You may not write here."]]);
  assert.equal(site.desk.notice, "");
  site.desk.message("/user/alice/errors", JSON.stringify(refusal));
  assert.equal(site.desk.notice, "You may not write here.");
  site.desk.say("");
});

test("posts of other contexts are counted until one looks", async () => {
  const site = new Site();
  await site.open("lobby");
  site.say("news", { content: "extra" });
  site.say("news", { content: "mine", actor: "alice" });
  site.say("news", { type: "Update", object: "id-1" });
  assert.deepEqual([...site.desk.unread], [["news", 1]]);
  site.desk.show("news");
  await settled();
  assert.equal(site.desk.unread.size, 0);
  assert.deepEqual(site.shown(), ["text 3", "mine"]);
});

test("a public context is subscribed by name while it is open, and only then", async () => {
  const site = new Site();
  await site.open("news");
  assert.deepEqual([...site.subscribed].sort(), ["/ctx/+/messages", "/ctx/news/messages", "/user/alice/errors"]);
  site.desk.show(null);
  assert.deepEqual([...site.subscribed].sort(), ["/ctx/+/messages", "/user/alice/errors"]);
});

test("coming back to a context reads what passed by while it was closed", async () => {
  const site = new Site();
  await site.open("news");
  site.desk.show("lobby");
  site.post("news", { content: "unheard" });
  site.desk.show("news");
  await settled();
  assert.deepEqual(site.shown(), ["unheard"]);
});

test("a context that is not there says so", async () => {
  const site = new Site();
  await site.open("nowhere");
  assert.equal(site.desk.obstacle, "There is no such context.");
  site.desk.show("lobby");
  await settled();
  assert.equal(site.desk.obstacle, "");
});

test("joining and leaving show in the list", async () => {
  const site = new Site();
  await site.open("news");
  assert.equal(site.desk.context?.isMember, false);
  await site.desk.join("news");
  assert.equal(site.desk.context?.isMember, true);
  await site.desk.leave("news");
  assert.equal(site.desk.context?.isMember, false);
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
  t.mock.timers.tick(15_000);
  await settled();
  assert.equal(site.asked, before + 1);
  assert.deepEqual(site.desk.contexts.map((context) => context.id), ["lobby", "news", "staff"]);
  assert.equal(site.desk.unread.get("staff"), 100);
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

import assert from "node:assert/strict";
import { test } from "node:test";
import { attend, badgeOf, hashOf, noticeOf, type Scope, type Word } from "../src/notice.ts";

const news = {
  v: "1", kind: "message", stream: "/ctx/lobby/messages", seq: "42", id: "01JD", n: "5", badge: "12",
  alertTitle: "Lobby", alertBody: "5 new messages",
};

/** A browser that has the worker, and what it did. */
function browser(tabs: string[] = [], badges = true) {
  const did: unknown[] = [];
  const listeners = new Map<string, (event: never) => void>();
  const scope: Scope = {
    registration: {
      showNotification: async (title, options) => void did.push(["show", title, options.body, options.tag, options.silent, options.renotify]),
      pushManager: { subscribe: async (options) => did.push(["subscribe", options]) },
    },
    clients: {
      matchAll: async () =>
        tabs.map((url) => ({
          url,
          focus: async () => did.push(["focus", url]),
          postMessage: (word: Word) => void did.push(["tell", url, word]),
        })),
      openWindow: async (url) => did.push(["window", url]),
      claim: async () => void did.push("claim"),
    },
    navigator: badges ? { setAppBadge: async (count) => void did.push(["badge", count]) } : {},
    skipWaiting: async () => void did.push("skip"),
    addEventListener: (name: string, listener: (event: never) => void) => void listeners.set(name, listener),
  };
  attend(scope);
  const fire = async (name: string, event: object) => {
    let done: Promise<unknown> = Promise.resolve();
    listeners.get(name)?.({ ...event, waitUntil: (what: Promise<unknown>) => (done = what) } as never);
    await done;
  };
  return { did, fire };
}

test("a push is shown under the tag of its stream, with what it says itself", async () => {
  const { did, fire } = browser();
  await fire("push", { data: { json: () => news } });
  assert.deepEqual(did, [["show", "Lobby", "5 new messages", "/ctx/lobby/messages", false, true], ["badge", 12]]);
});

test("a preview shows what was written, and a correction makes no sound", () => {
  const preview = noticeOf({ ...news, title: "Ann in Lobby", body: "See you at six" });
  assert.deepEqual([preview.title, preview.options.body], ["Ann in Lobby", "See you at six"]);
  const corrected = noticeOf({ ...news, silent: "1" });
  assert.deepEqual([corrected.options.silent, corrected.options.renotify, corrected.options.tag], [true, false, "/ctx/lobby/messages"]);
});

test("a push that cannot be read still shows something", async () => {
  const unreadable = {
    json: () => {
      throw new SyntaxError("no JSON");
    },
  };
  for (const data of [null, unreadable, { json: () => 7 }, { json: () => ({ title: 7, badge: -1 }) }]) {
    const { did, fire } = browser([], false);
    await fire("push", { data });
    assert.deepEqual(did, [["show", "Rambla", "There is something new.", "", false, false]]);
  }
});

test("only a number is a badge", () => {
  assert.equal(badgeOf({ badge: "0" }), 0);
  for (const data of [null, {}, { badge: 3 }, { badge: "" }, { badge: "-1" }, { badge: "9".repeat(10) }]) assert.equal(badgeOf(data), null);
});

test("a stream is shown at its place, and anything else nowhere", () => {
  assert.equal(hashOf("/ctx/maths-3/comments"), "#/ctx/maths-3");
  assert.equal(hashOf("/conv/0190/messages"), "#/conv/0190");
  assert.equal(hashOf("/user/ann/posts"), "#/user/ann");
  for (const topic of ["", "/", "//evil.test/x", "https://evil.test", "/ctx/a/b/c", "/ctx/lobby", 7, null]) assert.equal(hashOf(topic), "");
});

test("a click opens the place in the page that is there, or in a new one", async () => {
  const click = { notification: { data: "/ctx/lobby/messages", close: () => undefined } };
  const open = browser(["https://rambla.example/#/ctx/staff"]);
  await open.fire("notificationclick", click);
  assert.deepEqual(open.did, [
    ["focus", "https://rambla.example/#/ctx/staff"],
    ["tell", "https://rambla.example/#/ctx/staff", { say: "open", hash: "#/ctx/lobby" }],
  ]);
  const closed = browser();
  await closed.fire("notificationclick", click);
  assert.deepEqual(closed.did, [["window", "/#/ctx/lobby"]]);
  const odd = browser();
  await odd.fire("notificationclick", { notification: { data: "//evil.test", close: () => undefined } });
  assert.deepEqual(odd.did, [["window", "/"]]);
});

test("a replaced subscription is made anew for the same key, and the open pages are told", async () => {
  const key = new Uint8Array([4, 1, 2]).buffer;
  const { did, fire } = browser(["a", "b"]);
  await fire("pushsubscriptionchange", { oldSubscription: { options: { applicationServerKey: key } } });
  assert.deepEqual(did, [
    ["subscribe", { userVisibleOnly: true, applicationServerKey: key }],
    ["tell", "a", { say: "subscribed" }],
    ["tell", "b", { say: "subscribed" }],
  ]);
  const without = browser(["a"]);
  await without.fire("pushsubscriptionchange", {});
  assert.deepEqual(without.did, [["tell", "a", { say: "subscribed" }]]);
});

test("a new worker takes over at once", async () => {
  const { did, fire } = browser();
  await fire("install", {});
  await fire("activate", {});
  assert.deepEqual(did, ["skip", "claim"]);
});

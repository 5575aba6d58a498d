import assert from "node:assert/strict";
import { test } from "node:test";
import { Notifier, bytesOf, type Pusher, type Subscription } from "../src/notifier.ts";
import { Problem } from "../src/problem.ts";

const key = "BAEC"; // 4, 1, 2

class Browser implements Pusher {
  readonly language = "ca";
  permission: NotificationPermission = "default";
  answers: NotificationPermission = "granted";
  subscription: Subscription | null = null;
  isAway = false;
  made = 0;
  readonly kept = new Map<string, string>();
  readonly store = {
    getItem: (name: string) => this.kept.get(name) ?? null,
    setItem: (name: string, value: string) => void this.kept.set(name, value),
    removeItem: (name: string) => void this.kept.delete(name),
  };

  async ask() {
    return (this.permission = this.answers);
  }
  async current() {
    return this.subscription;
  }
  async subscribe(bytes: Uint8Array<ArrayBuffer>) {
    if (this.isAway) throw new DOMException("push service error", "AbortError");
    const endpoint = `https://push.example/${++this.made}`;
    this.subscription = {
      options: { applicationServerKey: bytes.buffer },
      toJSON: () => ({ endpoint }),
      unsubscribe: async () => {
        this.subscription = null;
        return true;
      },
    };
    return this.subscription;
  }
}

function site(browser: Browser | null, me = "ann", vapid = key) {
  const asked: string[] = [];
  const said: string[] = [];
  const server: { problem: Problem | null } = { problem: null };
  const take = async (line: string, answer: Record<string, unknown> = {}) => {
    asked.push(line);
    if (server.problem !== null) throw server.problem;
    return answer;
  };
  const rest = {
    get: (path: string) => take(`GET ${path}`, { vapidPublicKey: vapid }),
    put: (path: string) => take(`PUT ${path}`),
    post: (path: string, body: Record<string, unknown>) =>
      take(`POST ${path} ${JSON.stringify(body["subscription"])} ${String(body["mqttClientId"])}`, { id: "d1" }),
    patch: (path: string) => take(`PATCH ${path}`),
    delete: async (path: string) => void (await take(`DELETE ${path}`)),
  };
  const events = { changed: () => undefined, say: (sentence: string) => void said.push(sentence) };
  const store = browser?.store ?? { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
  return { asked, said, server, notifier: new Notifier(me, "web-1", rest, browser, store, events) };
}

test("turning it on asks, subscribes and registers the device with the page's MQTT session", async () => {
  const browser = new Browser();
  const { asked, notifier } = site(browser);
  await notifier.start();
  assert.equal(notifier.state, "off");
  assert.equal(browser.made, 0);
  await notifier.turnOn();
  assert.equal(notifier.state, "on");
  assert.deepEqual(asked, ["GET /info", 'POST /me/devices {"endpoint":"https://push.example/1"} web-1']);
  await notifier.turnOff();
  assert.deepEqual([notifier.state, browser.subscription, asked.at(-1)], ["off", null, "DELETE /me/devices/d1"]);
});

test("whoever had it on has it on again, without a question", async () => {
  const browser = new Browser();
  const before = site(browser);
  await before.notifier.start();
  await before.notifier.turnOn();
  const later = site(browser);
  await later.notifier.start();
  assert.equal(later.notifier.state, "on");
  assert.deepEqual(later.asked.at(-1), 'POST /me/devices {"endpoint":"https://push.example/1"} web-1');
});

test("another person does not inherit it", async () => {
  const browser = new Browser();
  const ann = site(browser);
  await ann.notifier.start();
  await ann.notifier.turnOn();
  const bob = site(browser, "bob");
  await bob.notifier.start();
  assert.deepEqual([bob.notifier.state, browser.subscription, bob.asked], ["off", null, ["GET /info"]]);
});

test("a site with another key is subscribed to anew", async () => {
  const browser = new Browser();
  const before = site(browser);
  await before.notifier.start();
  await before.notifier.turnOn();
  const after = site(browser, "ann", "BAED");
  await after.notifier.start();
  assert.equal(after.asked.at(-1), 'POST /me/devices {"endpoint":"https://push.example/2"} web-1');
});

test("it is not offered where the browser or the site has none", async () => {
  const without = site(null);
  await without.notifier.start();
  const unsigned = site(new Browser(), "ann", "");
  await unsigned.notifier.start();
  await unsigned.notifier.turnOn();
  assert.deepEqual([without.notifier.state, unsigned.notifier.state, unsigned.asked], ["unavailable", "unavailable", ["GET /info"]]);
});

test("a refusal in the browser is told apart from one that is put off", async () => {
  const browser = new Browser();
  const { asked, notifier } = site(browser);
  await notifier.start();
  browser.answers = "default";
  await notifier.turnOn();
  assert.equal(notifier.state, "off");
  browser.answers = "denied";
  await notifier.turnOn();
  assert.deepEqual([notifier.state, asked], ["denied", ["GET /info"]]);
});

test("what goes wrong is said, and nothing is on", async () => {
  const browser = new Browser();
  browser.isAway = true;
  const { said, server, notifier } = site(browser);
  await notifier.start();
  await notifier.turnOn();
  assert.equal(notifier.state, "off");
  assert.match(said.join(), /push service/);
  browser.isAway = false;
  server.problem = new Problem(422, "invalid", "This push service is not used here.");
  await notifier.turnOn();
  assert.deepEqual([notifier.state, said.at(-1)], ["off", "This push service is not used here."]);
});

test("a server that is away at the start is asked again, in silence", async () => {
  const { said, server, notifier } = site(new Browser());
  server.problem = new Problem(503, "unavailable", "Away.");
  await notifier.start();
  assert.deepEqual([notifier.state, said], ["unavailable", []]);
  server.problem = null;
  await notifier.start();
  assert.equal(notifier.state, "off");
});

test("signing out ends the subscription, also while something is under way", async () => {
  const browser = new Browser();
  const { asked, notifier } = site(browser);
  await notifier.start();
  void notifier.turnOn();
  await notifier.leave();
  await notifier.start();
  assert.deepEqual([notifier.state, browser.subscription, browser.kept.size], ["unavailable", null, 0]);
  assert.equal(asked.filter((line) => line.startsWith("DELETE")).length, 0);
});

test("a subscription that the browser replaced is registered", async () => {
  const browser = new Browser();
  const { asked, notifier } = site(browser);
  await notifier.start();
  notifier.hear({ say: "subscribed" });
  await notifier.turnOn();
  await browser.subscribe(bytesOf(key));
  notifier.hear({ say: "subscribed" });
  await notifier.turnOn();
  assert.deepEqual(asked.slice(1), [
    'POST /me/devices {"endpoint":"https://push.example/1"} web-1',
    'POST /me/devices {"endpoint":"https://push.example/2"} web-1',
  ]);
});

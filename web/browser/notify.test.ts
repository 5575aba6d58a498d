import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { Visitor, launch, rest, tokenOf } from "./visitor.ts";

const url = process.env["RAMBLA_URL"] ?? "";
let browser: Browser;

before(async () => {
  assert.notEqual(url, "", "RAMBLA_URL names a server started with --demo");
  browser = await launch();
});
after(() => browser.close());

/** There is no push service here: the browser is given the subscription that one would make. */
async function givePushService(page: Page): Promise<void> {
  await page.addInitScript(() => {
    let made: unknown = null;
    const text = (bytes: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
    PushManager.prototype.getSubscription = async () => made as PushSubscription | null;
    PushManager.prototype.subscribe = async (options) => {
      const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
      const keys = { p256dh: text(await crypto.subtle.exportKey("raw", pair.publicKey)), auth: text(crypto.getRandomValues(new Uint8Array(16)).buffer) };
      const endpoint = `https://updates.push.services.mozilla.com/wpush/v2/${crypto.randomUUID()}`;
      made = {
        options: { applicationServerKey: (options?.applicationServerKey as Uint8Array).buffer },
        toJSON: () => ({ endpoint, expirationTime: null, keys }),
        unsubscribe: async () => {
          made = null;
          return true;
        },
      };
      return made as PushSubscription;
    };
  });
}

async function devices(): Promise<{ platform: string; mqttClientId?: string }[]> {
  const answer = await rest(url, "GET", "/me/devices", await tokenOf(url, "carol"));
  return ((await answer.json()) as { items: { platform: string; mqttClientId?: string }[] }).items;
}

test("whoever turns notifications on is shown one notice for all pushes of a stream", async (t) => {
  const carol = await Visitor.arrive(t, browser, url);
  const { page } = carol;
  await page.context().grantPermissions(["notifications"], { origin: new URL(page.url()).origin });
  await givePushService(page);
  const tools = await page.context().newCDPSession(page);
  const registered = new Promise<string>((found) => {
    tools.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      const id = registrations[0]?.registrationId;
      if (id !== undefined) found(id);
    });
  });
  await tools.send("ServiceWorker.enable");
  await page.reload();
  await carol.signIn("carol");
  await carol.enter("lobby");
  await page.getByRole("button", { name: "Notify me" }).click();
  const bell = page.getByRole("button", { name: "Notify me", pressed: true });
  await bell.waitFor();
  await carol.examine();
  await carol.shoot("notified");
  const mine = await devices();
  assert.deepEqual(mine.map((device) => device.platform), ["webpush"]);
  assert.match(mine[0]?.mqttClientId ?? "", /^web-/);

  const data = {
    v: "1", kind: "message", stream: "/ctx/lobby/messages", seq: "1", id: "x", n: "2", badge: "2",
    alertTitle: "Lobby", alertBody: "2 new messages",
  };
  for (const body of [data, { ...data, n: "3", alertBody: "3 new messages" }]) {
    await tools.send("ServiceWorker.deliverPushMessage", { origin: new URL(page.url()).origin, registrationId: await registered, data: JSON.stringify(body) });
  }
  const shown = () =>
    page.evaluate(async () => {
      const notices = await (await navigator.serviceWorker.ready).getNotifications();
      return notices.map((notice) => [notice.title, notice.body, notice.tag]);
    });
  const wanted = [["Lobby", "3 new messages", "/ctx/lobby/messages"]];
  const until = Date.now() + 10_000;
  while (JSON.stringify(await shown()) !== JSON.stringify(wanted) && Date.now() < until) await page.waitForTimeout(50);
  assert.deepEqual(await shown(), wanted);

  await bell.click();
  await page.getByRole("button", { name: "Notify me", pressed: false }).waitFor();
  assert.deepEqual(await devices(), []);
});

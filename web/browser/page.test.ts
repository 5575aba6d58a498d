import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Locator } from "playwright-core";
import { Visitor, launch, mark, rest, stored, tokenOf } from "./visitor.ts";

const url = process.env["RAMBLA_URL"] ?? "";
let browser: Browser;

before(async () => {
  assert.notEqual(url, "", "RAMBLA_URL names a server started with --demo");
  browser = await launch();
});
after(() => browser.close());

test("a wrong password is told, and the right one works after it", async (t) => {
  const alice = await Visitor.arrive(t, browser, url);
  await alice.shoot("sign-in");
  await alice.signIn("alice", "wrong");
  const trouble = alice.page.getByRole("alert");
  await trouble.filter({ hasText: /\w/ }).waitFor();
  assert.equal(await alice.page.getByLabel("Password").evaluate((box) => box === document.activeElement), true);
  await alice.shoot("sign-in-refused");
  await alice.signIn("alice");
  await alice.enter("lobby");
});

test("alice writes, and bob sees it live, once, as do those who come later", async (t) => {
  const [alice, bob] = await Promise.all([Visitor.in(t, browser, url, "alice", "lobby"), Visitor.in(t, browser, url, "bob", "lobby")]);
  const said = mark();
  await alice.write(`Good morning ${said}`);
  await bob.stored(said);
  await bob.write(`And to you, ${said}\nwith a second line`);
  await alice.stored(`to you, ${said}`);
  for (const reader of [alice, bob]) {
    await reader.stored(`Good morning ${said}`);
    assert.deepEqual(await reader.read(said), [`Good morning ${said}`, `And to you, ${said}\nwith a second line`]);
  }
  assert.equal((await stored(url, await tokenOf(url, "alice"), "lobby", said)).length, 2);
  await alice.shoot("lobby");
  await alice.page.emulateMedia({ colorScheme: "dark" });
  await alice.shoot("lobby-dark");
  await alice.page.reload();
  await alice.connected();
  await alice.stored(`to you, ${said}`);
  assert.equal((await alice.read(said)).length, 2);
});

test("what people write stays text", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const said = mark();
  const content = `<img src=x onerror=alert(1)> <b>${said}</b> https://rambla.example/${said}.`;
  await alice.write(content);
  await alice.stored(said);
  assert.deepEqual(await alice.read(said), [content]);
  assert.equal(await alice.page.locator(".body img, .body b").count(), 0);
  const link = alice.page.getByRole("region", { name: "Messages" }).getByRole("link", { name: `https://rambla.example/${said}` });
  assert.equal(await link.getAttribute("href"), `https://rambla.example/${said}`);
});

test("where one may only read, the page says so and offers nothing to write with", async (t) => {
  const bob = await Visitor.in(t, browser, url, "bob", "news");
  await bob.page.getByText("You can read here, but not write.").waitFor();
  assert.equal(await bob.box.isVisible(), false);
  await bob.shoot("read-only");
});

test("a message that may not be written any more says why, beside itself, and goes out when it may", async (t) => {
  const bob = await Visitor.in(t, browser, url, "bob", "staff");
  const token = await tokenOf(url, "alice");
  const said = mark();
  const veto = "/contexts/staff/members/bob/vetoes/write";
  t.after(() => rest(url, "DELETE", veto, token));
  assert.equal((await rest(url, "PUT", veto, token)).ok, true);
  // A right is gone everywhere within 250 ms of its removal, not at once.
  await bob.page.waitForTimeout(300);
  await bob.write(`May I? ${said}`);
  await bob.messages(said).getByRole("alert").filter({ hasText: /Not sent: \w+/ }).waitFor();
  await bob.page.getByText("You can read here, but not write.").waitFor();
  await bob.shoot("refused");
  const again = bob.messages(said).getByRole("button", { name: "Try again" });
  await again.click();
  await again.waitFor();
  assert.equal((await stored(url, token, "staff", said)).length, 0);
  assert.equal((await rest(url, "DELETE", veto, token)).ok, true);
  await again.click();
  await bob.stored(said);
  assert.equal((await stored(url, token, "staff", said)).length, 1);
  await bob.box.waitFor();
});

test("a cut network is told, and afterwards nothing is missed or doubled", async (t) => {
  const [alice, bob] = await Promise.all([Visitor.in(t, browser, url, "alice", "lobby"), Visitor.in(t, browser, url, "bob", "lobby")]);
  const said = mark();
  await alice.write(`${said} before`);
  await bob.stored(said);
  bob.link.cut();
  await bob.banner.waitFor();
  for (let i = 1; i <= 3; i++) {
    await alice.write(`${said} meanwhile ${i}`);
    await alice.stored(`${said} meanwhile ${i}`);
  }
  await bob.write(`${said} from the dark`);
  await bob.messages("from the dark").getByText("Sending…").waitFor();
  await bob.shoot("disconnected");
  bob.link.mend();
  await bob.connected();
  await bob.stored(`${said} from the dark`);
  await alice.stored(`${said} from the dark`);
  await alice.write(`${said} after`);
  await bob.stored(`${said} after`);
  const all = ["before", "meanwhile 1", "meanwhile 2", "meanwhile 3", "from the dark", "after"].map((part) => `${said} ${part}`);
  assert.deepEqual(await bob.read(said), all);
  assert.deepEqual(await alice.read(said), all);
  const kept = await stored(url, await tokenOf(url, "alice"), "lobby", said);
  assert.deepEqual(kept.map((post) => post.object.content), all);
});

test("what was said in a long absence is read to its end, in the order of the stream", async (t) => {
  const bob = await Visitor.in(t, browser, url, "bob", "staff");
  const token = await tokenOf(url, "alice");
  const said = mark();
  bob.link.cut();
  await bob.banner.waitFor();
  const posting = Array.from({ length: 250 }, (_, i) => rest(url, "POST", "/contexts/staff/activities", token, { content: `${said} ${i}` }));
  const answers = await Promise.all(posting.map(async (answer) => (await (await answer).json()) as { seq: number; object: { content: string } }));
  const want = answers.sort((a, b) => a.seq - b.seq).map((post) => post.object.content);
  bob.link.mend();
  await bob.connected();
  await bob.page.locator(".post[data-seq]").filter({ hasText: said }).nth(249).waitFor();
  assert.deepEqual(await bob.read(said), want);
});

test("a message whose acknowledgement was lost is stored once", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const token = await tokenOf(url, "alice");
  const said = mark();
  alice.link.mute();
  await alice.write(said);
  for (const until = Date.now() + 10_000; (await stored(url, token, "lobby", said)).length === 0; ) {
    assert.ok(Date.now() < until, "the server has heard it");
  }
  await alice.messages(said).getByText("Sending…").waitFor();
  alice.link.cut();
  alice.link.mend();
  await alice.stored(said);
  assert.deepEqual(await alice.read(said), [said]);
  await alice.write(`${said} next`);
  await alice.stored(`${said} next`);
  assert.deepEqual((await stored(url, token, "lobby", said)).map((post) => post.object.content), [said, `${said} next`]);
});

test("a message written while disconnected outlives a reload", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const said = mark();
  // The page itself must still load: only the live connection is away.
  await alice.page.context().setOffline(true);
  await alice.banner.waitFor();
  await alice.write(said);
  await alice.messages(said).getByText("Sending…").waitFor();
  await alice.page.context().setOffline(false);
  await alice.page.reload();
  await alice.stored(said);
  assert.deepEqual(await alice.read(said), [said]);
});

test("edits and removals show without a reload", async (t) => {
  const bob = await Visitor.in(t, browser, url, "bob", "lobby");
  const token = await tokenOf(url, "alice");
  const said = mark();
  const answer = await rest(url, "POST", "/contexts/lobby/activities", token, { content: `${said} frist` });
  assert.equal(answer.status, 201, await answer.clone().text());
  const { id } = (await answer.json()) as { id: string };
  await bob.stored(`${said} frist`);
  const edit = await rest(url, "PATCH", `/activities/${id}`, token, { content: `${said} first` });
  assert.equal(edit.ok, true, await edit.text());
  await bob.stored(`${said} first`);
  await bob.messages(said).getByText("edited").waitFor();
  const removal = await rest(url, "DELETE", `/activities/${id}`, token);
  assert.equal(removal.ok, true, await removal.text());
  await bob.messages(said).waitFor({ state: "detached" });
  await bob.messages("This message was removed.").last().waitFor();
  assert.deepEqual(await bob.read(said), []);
});

test("a context can be left, read from outside where it is public, and joined again", async (t) => {
  const carol = await Visitor.in(t, browser, url, "carol", "lobby");
  const said = mark();
  await carol.page.getByRole("button", { name: "Leave" }).click();
  await carol.shoot("leave");
  await carol.page.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
  const join = carol.page.getByRole("button", { name: "Join" });
  await join.waitFor();
  const token = await tokenOf(url, "alice");
  await carol.connected();
  const outside = await rest(url, "POST", "/contexts/lobby/activities", token, { content: `${said} outside` });
  assert.equal(outside.status, 201);
  await carol.stored(`${said} outside`);
  await join.click();
  await carol.page.getByRole("button", { name: "Leave" }).waitFor();
  await carol.write(`${said} inside`);
  await carol.stored(`${said} inside`);
  assert.deepEqual(await carol.read(said), [`${said} outside`, `${said} inside`]);
});

test("a closed context is not listed to a stranger, and its address says no more", async (t) => {
  const carol = await Visitor.in(t, browser, url, "carol", "lobby");
  assert.equal(await carol.page.getByRole("navigation").getByRole("link", { name: /staff/i }).count(), 0);
  await carol.page.goto(`${carol.link.url}/#/ctx/staff`);
  await carol.page.locator(".notice.said").waitFor();
});

test("news of a context that is not open is counted in the list", async (t) => {
  const bob = await Visitor.in(t, browser, url, "bob", "lobby");
  const said = mark();
  await rest(url, "POST", "/contexts/staff/activities", await tokenOf(url, "alice"), { content: said });
  await bob.page.getByRole("link", { name: /staff.*\(\d+ new\)/i }).waitFor();
  await bob.enter("staff");
  await bob.stored(said);
  await bob.page.getByRole("link", { name: /staff.*\(\d+ new\)/i }).waitFor({ state: "detached" });
});

/** Where something stands once the page has come to rest. */
async function restingAt(what: Locator): Promise<number> {
  for (let last = NaN; ; await new Promise((rest) => setTimeout(rest, 100))) {
    const y = (await what.boundingBox())?.y ?? 0;
    if (y === last) return y;
    last = y;
  }
}

test("the past is read page by page, and the text stays under the eye", async (t) => {
  const token = await tokenOf(url, "alice");
  const said = mark();
  for (let i = 1; i <= 70; i++) {
    const answer = await rest(url, "POST", "/contexts/staff/activities", token, { content: `${said} line ${String(i).padStart(2, "0")}` });
    assert.equal(answer.status, 201);
  }
  const bob = await Visitor.in(t, browser, url, "bob", "staff");
  await bob.stored(`${said} line 70`);
  assert.equal(await bob.messages(`${said} line 01`).count(), 0);
  const older = bob.page.getByRole("button", { name: "Older messages" });
  await older.scrollIntoViewIfNeeded();
  const top = bob.messages(`${said} line 21`);
  const was = await restingAt(top);
  await older.click();
  await bob.messages(`${said} line 01`).waitFor();
  const lines = await bob.read(said);
  assert.deepEqual(lines, Array.from({ length: 70 }, (_, i) => `${said} line ${String(i + 1).padStart(2, "0")}`));
  const is = await restingAt(top);
  assert.ok(Math.abs(is - was) < 60, `what one reads does not jump away, from ${was} to ${is}`);
  await bob.page.getByRole("button", { name: "Newest messages" }).click();
});

test("hours later, with an expired token, the page is still live", async (t) => {
  const alice = await Visitor.arrive(t, browser, url);
  await alice.page.clock.install();
  await alice.page.reload();
  await alice.signIn("alice");
  await alice.enter("lobby");
  const grant = () => alice.page.evaluate(() => sessionStorage.getItem("rambla.session"));
  const first = await grant();
  await alice.page.clock.fastForward("02:00:00");
  for (const until = Date.now() + 10_000; (await grant()) === first; ) assert.ok(Date.now() < until, "the token was renewed");
  await alice.page.clock.resume();
  alice.link.cut();
  await alice.banner.waitFor();
  alice.link.mend();
  await alice.connected();
  const said = mark();
  await alice.write(said);
  await alice.stored(said);
});

test("a session that was ended elsewhere asks to sign in again", async (t) => {
  const bob = await Visitor.in(t, browser, url, "bob", "lobby");
  const refresh = await bob.page.evaluate(() => (JSON.parse(sessionStorage.getItem("rambla.session") ?? "{}") as { refresh: string }).refresh);
  const revoked = await fetch(`${url}/v1/oauth/revoke`, { method: "POST", body: new URLSearchParams({ token: refresh }) });
  assert.equal(revoked.status, 200);
  await bob.page.getByText("Your session has ended. Please sign in again.").waitFor({ timeout: 30_000 });
  await bob.signIn("bob");
  await bob.connected();
});

test("signing out ends the grant on the server and leaves nothing in the browser", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const said = mark();
  await alice.write(said);
  await alice.stored(said);
  const access = await alice.page.evaluate(() => (JSON.parse(sessionStorage.getItem("rambla.session") ?? "{}") as { access: string }).access);
  assert.equal((await rest(url, "GET", "/me", access)).status, 200);
  const revoked = alice.page.waitForResponse(/\/v1\/oauth\/revoke$/);
  await alice.page.getByRole("button", { name: "Sign out" }).click();
  assert.equal((await revoked).ok(), true);
  assert.equal((await rest(url, "GET", "/me", access)).status, 401);
  const left = await alice.page.evaluate(() => [JSON.stringify(sessionStorage), JSON.stringify(localStorage)].join());
  assert.doesNotMatch(left, new RegExp(`${said}|access|refresh`));
  await alice.page.reload();
  await alice.page.getByLabel("Password").waitFor();
});

test("a duplicated tab does not live on the first one's grant", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const copied = await alice.page.evaluate(() => ({ ...sessionStorage }));
  const copy = await alice.page.context().newPage();
  await copy.addInitScript((items) => {
    for (const [key, value] of Object.entries(items)) sessionStorage.setItem(key, value);
  }, copied);
  await copy.goto(alice.link.url);
  await copy.getByLabel("Password").waitFor();
  await alice.page.reload();
  await alice.connected();
});

test("on a phone one thing is shown at a time, and nothing is cut off", async (t) => {
  const bob = await Visitor.arrive(t, browser, url, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
  await bob.shoot("phone-sign-in");
  await bob.signIn("bob");
  await bob.page.getByRole("navigation").waitFor();
  await bob.shoot("phone-contexts");
  await bob.enter("lobby");
  await bob.write(`A word without a break: ${"rambla".repeat(20)} ${mark()}`);
  await bob.shoot("phone-lobby");
  const overflow = await bob.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(overflow, 0);
  assert.equal(await bob.page.getByRole("navigation").isVisible(), false);
  await bob.page.getByRole("link", { name: "All rooms" }).click();
  await bob.page.getByRole("navigation").waitFor();
});

test("everything can be done from the keyboard", async (t) => {
  const bob = await Visitor.arrive(t, browser, url);
  const { keyboard } = bob.page;
  await bob.page.locator("#name:focus").waitFor();
  await keyboard.type("bob");
  await keyboard.press("Tab");
  await keyboard.type("bob");
  await keyboard.press("Enter");
  const lobby = bob.page.getByRole("link", { name: /^lobby/i });
  await lobby.waitFor();
  for (let i = 0; i < 20 && !(await lobby.evaluate((link) => link === document.activeElement)); i++) await keyboard.press("Tab");
  await bob.shoot("focus");
  await keyboard.press("Enter");
  await bob.box.waitFor();
  for (let i = 0; i < 20 && !(await bob.box.evaluate((box) => box === document.activeElement)); i++) await keyboard.press("Tab");
  const said = mark();
  await keyboard.type(`${said} one`);
  await keyboard.press("Shift+Enter");
  await keyboard.type("two");
  await keyboard.press("Enter");
  await bob.stored(said);
  assert.deepEqual(await bob.read(said), [`${said} one\ntwo`]);
});

test("a screen reader is told what others say, and not the history", async (t) => {
  const bob = await Visitor.in(t, browser, url, "bob", "lobby");
  const log = bob.page.getByRole("log");
  assert.equal((await log.innerText()).trim(), "");
  const said = mark();
  await rest(url, "POST", "/contexts/lobby/activities", await tokenOf(url, "alice"), { content: said });
  await log.filter({ hasText: new RegExp(`alice: ${said}`, "i") }).waitFor({ state: "attached" });
});

test("what was read on one device is read on the other, and badges agree", async (t) => {
  const desk = await Visitor.in(t, browser, url, "bob", "lobby");
  const phone = await Visitor.in(t, browser, url, "bob", "news");
  const token = await tokenOf(url, "alice");
  const said = mark();
  for (let i = 1; i <= 3; i++) await rest(url, "POST", "/contexts/staff/activities", token, { content: `${said} ${i}` });
  const badge = (visitor: Visitor) => visitor.page.getByRole("link", { name: /^staff.*\(\d+ new\)/i });
  for (const visitor of [desk, phone]) {
    await badge(visitor).waitFor();
    await visitor.page.getByRole("navigation").getByText(`${said} 3`).waitFor();
  }
  await desk.enter("staff");
  for (const visitor of [desk, phone]) await badge(visitor).waitFor({ state: "detached" });
  await phone.page.reload();
  await phone.connected();
  await phone.page.getByRole("navigation").getByText(`${said} 3`).waitFor();
  assert.equal(await badge(phone).count(), 0);
});

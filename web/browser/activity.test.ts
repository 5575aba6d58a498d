import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { Visitor, launch, mark, rest, tokenOf } from "./visitor.ts";

const url = process.env["RAMBLA_URL"] ?? "";
let browser: Browser;

before(async () => {
  assert.notEqual(url, "", "RAMBLA_URL names a server started with --demo");
  browser = await launch();
});
after(() => browser.close());

test("Markdown is shown as what it means, and attacks in it as nothing", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const bob = await Visitor.in(t, browser, url, "bob", "lobby");
  const said = mark();
  await alice.page.getByRole("button", { name: "Markdown" }).click();
  await alice.write(`**${said}** with \`code\`, [a link](https://rambla.example/${said}), [a trap](javascript:alert(1)) <img src=x onerror=alert(1)> @bob\n\n- one\n- two`);
  for (const reader of [alice, bob]) {
    await reader.stored(said);
    const post = reader.post(said);
    assert.equal(await post.locator(".rich strong").innerText(), said);
    assert.equal(await post.locator(".rich li").count(), 2);
    assert.equal(await post.locator(".rich code").innerText(), "code");
    assert.equal(await post.getByRole("link", { name: "a link" }).getAttribute("href"), `https://rambla.example/${said}`);
    assert.equal(await post.locator(".rich .mention").innerText(), "@bob");
    assert.equal(await post.locator(".said img, script, [onerror], a[href^=javascript]").count(), 0);
  }
  await alice.shoot("markdown");
});

test("who is mentioned stands out and can be looked up", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const said = mark();
  await alice.write(`${said} for @bob, not for bob@rambla.example`);
  await alice.stored(said);
  assert.deepEqual(await alice.post(said).locator(".mention").allInnerTexts(), ["@bob"]);
});

test("everything is one list, newest first, live, and leads to where it was said", async (t) => {
  const bob = await Visitor.in(t, browser, url, "bob", "news");
  const token = await tokenOf(url, "alice");
  const said = mark();
  await rest(url, "POST", "/contexts/staff/activities", token, { content: `${said} first` });
  await bob.page.getByRole("link", { name: "Everything" }).click();
  await bob.stored(`${said} first`);
  await rest(url, "POST", "/contexts/lobby/activities", token, { content: `${said} second` });
  await bob.stored(`${said} second`);
  assert.deepEqual(await bob.read(said), [`${said} second`, `${said} first`]);
  await bob.shoot("everything");
  await bob.post(`${said} first`).getByRole("link", { name: "in Staff" }).click();
  await bob.page.getByRole("heading", { name: "Staff" }).waitFor();
  await bob.page.getByRole("region", { name: "Messages" }).getByText(`${said} first`).waitFor();
});

test("the past of everything is read page by page", async (t) => {
  const token = await tokenOf(url, "alice");
  const said = mark();
  for (let i = 1; i <= 40; i++) {
    assert.equal((await rest(url, "POST", "/contexts/staff/activities", token, { content: `${said} line ${String(i).padStart(2, "0")}` })).status, 201);
  }
  const bob = await Visitor.in(t, browser, url, "bob", "news");
  await bob.page.getByRole("link", { name: "Everything" }).click();
  await bob.stored(`${said} line 40`);
  assert.equal(await bob.post(`${said} line 01`).count(), 0);
  await bob.page.getByRole("button", { name: "Older posts" }).click();
  await bob.stored(`${said} line 01`);
  assert.deepEqual(await bob.read(said), Array.from({ length: 40 }, (_, i) => `${said} line ${String(40 - i).padStart(2, "0")}`));
});

test("the arrow keys go from message to message, and Tab to what one can do with it", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const { keyboard } = alice.page;
  const said = mark();
  for (const part of ["one", "two", "three"]) {
    await alice.write(`${said} ${part}`);
    await alice.stored(`${said} ${part}`);
  }
  const focused = (part: string) => alice.page.locator(".post:focus").filter({ hasText: `${said} ${part}` }).waitFor();
  await keyboard.press("Shift+Tab");
  while (!(await alice.page.evaluate(() => document.activeElement?.matches(".post") === true))) await keyboard.press("Shift+Tab");
  await focused("three");
  await keyboard.press("ArrowUp");
  await focused("two");
  await keyboard.press("ArrowUp");
  await focused("one");
  await keyboard.press("ArrowDown");
  await focused("two");
  const more = alice.post(`${said} two`).getByRole("button", { name: "More actions" });
  for (let i = 0; i < 6 && !(await more.evaluate((button) => button === document.activeElement)); i++) await keyboard.press("Tab");
  await keyboard.press("Enter");
  await alice.page.getByRole("menu").waitFor();
  await alice.shoot("menu");
  await alice.page.locator("[role^=menuitem]:focus").waitFor();
  await keyboard.press("Escape");
  assert.equal(await more.evaluate((button) => button === document.activeElement), true, "the focus comes back");
  await keyboard.press("Enter");
  for (let i = 0; i < 12 && (await alice.page.locator("[role^=menuitem]:focus").innerText()) !== "Edit"; i++) await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  await alice.page.getByLabel("Edit message").waitFor();
  await keyboard.press("End");
  await keyboard.type(" and a half");
  await keyboard.press("Enter");
  await alice.stored(`${said} two and a half`);
  await alice.post(`${said} two and a half`).getByText("edited").waitFor();
  await focused("two and a half");
});

test("a thread is opened, written in and answered, and lives without a reload", async (t) => {
  const [alice, bob] = await Promise.all([Visitor.in(t, browser, url, "alice", "lobby"), Visitor.in(t, browser, url, "bob", "lobby")]);
  const said = mark();
  await alice.write(`What shall we read? ${said}`);
  await bob.stored(said);
  const question = (visitor: Visitor) => visitor.page.locator(".stream .posts > .post").filter({ hasText: `What shall we read? ${said}` });
  await question(bob).getByRole("button", { name: "Comment", exact: true }).click();
  const thread = (visitor: Visitor) => question(visitor).getByRole("region", { name: "Comments on what Alice said" });
  await thread(bob).getByLabel("Comment on what Alice said").fill(`Quixote ${said}`);
  await thread(bob).getByLabel("Comment on what Alice said").press("Enter");
  const comment = (visitor: Visitor, part: string) => thread(visitor).locator(".comment[data-id]").filter({ hasText: `${part} ${said}` });
  await comment(bob, "Quixote").waitFor();
  await question(alice).getByRole("button", { name: "1 comment", exact: true }).click();
  await comment(alice, "Quixote").waitFor();
  await comment(alice, "Quixote").getByRole("button", { name: "Reply" }).click();
  await thread(alice).getByLabel("Comment on what Alice said").fill(`Both parts? ${said}`);
  await thread(alice).getByLabel("Comment on what Alice said").press("Enter");
  await comment(bob, "Both parts?").waitFor();
  assert.match((await comment(bob, "Both parts?").getAttribute("class")) ?? "", /depth-1/);
  for (const reader of [alice, bob]) await question(reader).getByRole("button", { name: "2 comments", exact: true }).waitFor();
  await alice.shoot("thread");
  // An edit and a removal show in the other's open thread.
  await comment(bob, "Quixote").getByRole("button", { name: "More actions" }).click();
  await bob.page.getByRole("menuitem", { name: "Edit" }).click();
  await bob.page.getByLabel("Edit message").fill(`Don Quixote ${said}`);
  await bob.page.getByLabel("Edit message").press("Enter");
  await comment(alice, "Don Quixote").getByText("edited").waitFor();
  await comment(bob, "Don Quixote").getByRole("button", { name: "More actions" }).click();
  await bob.page.getByRole("menuitem", { name: "Remove…" }).click();
  await bob.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await thread(alice).getByText("This message was removed.").waitFor();
  for (const reader of [alice, bob]) await question(reader).getByRole("button", { name: "1 comment", exact: true }).waitFor();
  await bob.page.reload();
  await bob.connected();
  await question(bob).getByRole("button", { name: "1 comment", exact: true }).waitFor();
});

test("a like is counted at once for everybody, is told of by name, and can be taken back", async (t) => {
  const [alice, bob] = await Promise.all([Visitor.in(t, browser, url, "alice", "lobby"), Visitor.in(t, browser, url, "bob", "lobby")]);
  const said = mark();
  await alice.write(said);
  await bob.stored(said);
  const like = (visitor: Visitor, likes: number) => visitor.post(said).getByRole("button", { name: likes === 0 ? "Like" : `Like, ${likes}`, exact: true });
  await like(bob, 0).click();
  await like(alice, 1).waitFor();
  assert.equal(await like(alice, 1).getAttribute("aria-pressed"), "false");
  await like(alice, 1).click();
  await like(bob, 2).waitFor();
  assert.equal(await like(bob, 2).getAttribute("aria-pressed"), "true");
  await alice.choose(said, "Who likes this");
  const names = alice.page.getByRole("dialog").getByRole("listitem");
  await names.first().waitFor();
  assert.deepEqual((await names.allInnerTexts()).sort(), ["Alice", "Bob"]);
  await alice.page.keyboard.press("Escape");
  await like(bob, 2).click();
  await like(alice, 1).waitFor();
  await bob.page.reload();
  await like(bob, 1).waitFor();
  assert.equal(await like(bob, 1).getAttribute("aria-pressed"), "false");
});

test("a message of a conversation is liked too", async (t) => {
  const [alice, bob] = await Promise.all([Visitor.in(t, browser, url, "alice", "lobby"), Visitor.in(t, browser, url, "bob", "lobby")]);
  const said = mark();
  await alice.converse(["Bob"]);
  await alice.write(said);
  await alice.stored(said);
  await bob.enter("Alice");
  await bob.post(said).getByRole("button", { name: "Like", exact: true }).click();
  await alice.post(said).getByRole("button", { name: "Like, 1", exact: true }).waitFor();
});

test("a post is kept as a favorite for oneself, and highlighted for all by who may", async (t) => {
  const [alice, bob] = await Promise.all([Visitor.in(t, browser, url, "alice", "lobby"), Visitor.in(t, browser, url, "bob", "lobby")]);
  const said = mark();
  await bob.write(said);
  await alice.stored(said);
  await bob.post(said).getByRole("button", { name: "More actions" }).click();
  assert.equal(await bob.page.getByRole("menuitemcheckbox", { name: "Highlight" }).count(), 0, "bob may not");
  await bob.page.keyboard.press("Escape");
  await alice.choose(said, "Highlight");
  await bob.post(said).getByText("highlighted").waitFor();
  await alice.choose(said, "Favorite");
  await alice.page.reload();
  await alice.post(said).getByText("highlighted").waitFor();
  await alice.post(said).getByRole("button", { name: "More actions" }).click();
  assert.equal(await alice.page.getByRole("menuitemcheckbox", { name: "Favorite" }).getAttribute("aria-checked"), "true");
  await alice.page.keyboard.press("Escape");
});

test("a post is shared into another context, with a word of one's own", async (t) => {
  const [alice, bob] = await Promise.all([Visitor.in(t, browser, url, "alice", "lobby"), Visitor.in(t, browser, url, "bob", "staff")]);
  const said = mark();
  await alice.write(`Worth reading ${said}`);
  await alice.stored(said);
  await alice.choose(said, "Share…");
  const dialog = alice.page.getByRole("dialog");
  await dialog.getByLabel("Where").selectOption({ label: "Staff" });
  await dialog.getByLabel("A word of your own").fill(`Do look ${said}`);
  await dialog.getByRole("button", { name: "Share" }).click();
  await bob.page.locator(".share").filter({ hasText: `Worth reading ${said}` }).waitFor();
  await bob.post(`Do look ${said}`).waitFor();
});

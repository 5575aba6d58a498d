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

test("what was posted is found with the keyboard, marked, and gone to; a tag finds its posts", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const { page } = alice;
  const said = mark().replaceAll(/[^a-z0-9]/gi, "");
  await alice.write(`We speak of ${said} today #tag${said}`);
  await alice.stored(said);
  await page.getByRole("heading", { name: /^lobby$/i }).click();
  await page.keyboard.press("Control+K");
  const dialog = page.getByRole("dialog", { name: "Search" });
  const hit = dialog.getByRole("listitem").filter({ hasText: said });
  // The index follows a moment later.
  for (let i = 0; i < 50 && (await hit.count()) === 0; i++) {
    await dialog.getByRole("searchbox", { name: "Search" }).fill(said.slice(0, -1) + "*");
    await page.keyboard.press("Enter");
    await page.waitForTimeout(200);
  }
  assert.equal(await hit.locator("mark").first().textContent(), said);
  await dialog.getByRole("status").filter({ hasText: "1 found" }).waitFor();
  await alice.shoot("search");
  await hit.getByRole("link").click();
  await dialog.waitFor({ state: "hidden" });
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ""), new RegExp(said));
  await page.getByRole("button", { name: `#tag${said}` }).click();
  await hit.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
});

test("a post further back than what is shown is gone to", async (t) => {
  const said = mark().replaceAll(/[^a-z0-9]/gi, "");
  const token = await tokenOf(url, "alice");
  const say = async (content: string) => assert.equal((await rest(url, "POST", "/contexts/lobby/activities", token, { content })).status, 201);
  await say(`Long ago there was ${said}`);
  for (let i = 0; i < 6; i++) await Promise.all(Array.from({ length: 10 }, (_, n) => say(`and then ${i} ${n}`)));
  const { page } = await Visitor.in(t, browser, url, "alice", "lobby");
  assert.equal(await page.locator(".post[data-id]").filter({ hasText: said }).count(), 0);
  await page.keyboard.press("Control+K");
  const dialog = page.getByRole("dialog", { name: "Search" });
  const hit = dialog.getByRole("listitem").filter({ hasText: said });
  for (let i = 0; i < 50 && (await hit.count()) === 0; i++) {
    await dialog.getByRole("searchbox", { name: "Search" }).fill(said);
    await page.keyboard.press("Enter");
    await page.waitForTimeout(200);
  }
  await hit.getByRole("link").click();
  await page.locator(".post[data-id]:focus").filter({ hasText: said }).waitFor();
});

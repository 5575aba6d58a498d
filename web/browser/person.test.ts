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

test("whom one follows is heard in everything, and no longer afterwards", async (t) => {
  const carol = await Visitor.in(t, browser, url, "carol", "lobby");
  const bob = await Visitor.in(t, browser, url, "bob", "lobby");
  const said = mark();
  t.after(async () => void (await rest(url, "DELETE", "/people/bob/follow", await tokenOf(url, "carol"))));
  await rest(url, "POST", "/contexts/lobby/activities", await tokenOf(url, "bob"), { content: `Who am I? ${said}` });
  await carol.stored(said);
  const card = carol.page.getByRole("dialog", { name: "Bob" });
  const show = async () => {
    await carol.page.getByRole("button", { name: "Bob", exact: true }).last().click();
    await card.waitFor();
  };
  await show();
  await card.getByRole("button", { name: "Follow", exact: true }).click();
  await card.getByRole("button", { name: "Unfollow" }).waitFor();
  await carol.shoot("person");
  await card.getByRole("button", { name: "Close" }).click();
  await carol.page.getByRole("link", { name: "Everything" }).click();
  await carol.stored(said);
  // Bob writes on his wall, from the card of himself.
  await bob.page.locator(".me").getByRole("button", { name: "Bob" }).click();
  await bob.page.getByRole("dialog").getByRole("button", { name: "Wall" }).click();
  await bob.page.getByRole("heading", { name: "Your wall" }).waitFor();
  await bob.page.getByLabel("Write on your wall").fill(`From my wall ${said}`);
  await bob.page.getByLabel("Write on your wall").press("Enter");
  await bob.stored(`From my wall ${said}`);
  await carol.stored(`From my wall ${said}`);
  await carol.post(`From my wall ${said}`).getByRole("link", { name: "on the wall" }).click();
  await carol.page.getByRole("heading", { name: "Wall of bob" }).waitFor();
  await carol.stored(`From my wall ${said}`);
  await carol.shoot("wall");
  await carol.page.getByRole("button", { name: "More about this room" }).click();
  await carol.page.getByRole("menuitem", { name: "About this person" }).click();
  await card.getByRole("button", { name: "Unfollow" }).click();
  await card.getByRole("button", { name: "Follow", exact: true }).waitFor();
  await card.getByRole("button", { name: "Close" }).click();
  await carol.page.getByRole("link", { name: "Everything" }).click();
  await carol.stored(`Who am I? ${said}`);
  await carol.post(`From my wall ${said}`).waitFor({ state: "detached" });
});

test("somebody's card leads to the conversation with them", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const said = mark();
  await rest(url, "POST", "/contexts/lobby/activities", await tokenOf(url, "carol"), { content: said });
  await alice.stored(said);
  await alice.page.getByRole("button", { name: "Carol", exact: true }).last().click();
  await alice.page.getByRole("dialog").getByRole("button", { name: "Message" }).click();
  await alice.page.getByRole("heading", { name: "Carol" }).waitFor();
  await alice.page.getByRole("navigation").getByRole("link", { name: /^Carol/ }).waitFor();
});

test("a muted room is marked on all devices and does not call", async (t) => {
  const [desk, phone] = await Promise.all([Visitor.in(t, browser, url, "bob", "lobby"), Visitor.in(t, browser, url, "bob", "staff")]);
  const token = await tokenOf(url, "alice");
  const said = mark();
  t.after(async () => void (await rest(url, "DELETE", "/contexts/lobby/mute", await tokenOf(url, "bob"))));
  await desk.page.getByRole("button", { name: "More about this room" }).click();
  await desk.page.getByRole("menuitemcheckbox", { name: "Mute" }).click();
  const muted = (visitor: Visitor) => visitor.page.getByRole("navigation").getByRole("link", { name: /^Lobby/ }).getByRole("img", { name: "Muted" });
  await muted(desk).waitFor();
  await phone.page.reload();
  await muted(phone).waitFor();
  await phone.connected();
  const title = await phone.page.title();
  await rest(url, "POST", "/contexts/lobby/activities", token, { content: said });
  await phone.page.getByRole("navigation").getByText(said).waitFor();
  assert.equal(await phone.page.title(), title);
  await desk.page.getByRole("button", { name: "More about this room" }).click();
  await desk.page.getByRole("menuitemcheckbox", { name: "Mute" }).click();
  await muted(desk).waitFor({ state: "detached" });
});

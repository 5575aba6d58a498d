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

const more = (visitor: Visitor) => visitor.page.getByRole("button", { name: "More about this room" });

test("a post and a comment are reported, and who moderates resolves that, by the keyboard alone", async (t) => {
  const [alice, bob] = await Promise.all([Visitor.in(t, browser, url, "alice", "lobby"), Visitor.in(t, browser, url, "bob", "lobby")]);
  const said = mark();
  const post = (await (await rest(url, "POST", "/contexts/lobby/activities", await tokenOf(url, "carol"), { content: `Rude ${said}` })).json()) as { id: string };
  await rest(url, "POST", `/activities/${post.id}/comments`, await tokenOf(url, "carol"), { content: `Ruder ${said}` });
  await bob.stored(`Rude ${said}`);
  const dialog = bob.page.getByRole("dialog");
  const reports = async (part: string, why: string) => {
    await bob.choose(part, "Report…");
    await bob.page.keyboard.press("Tab"); // from the words to Cancel
    await bob.examine();
    await dialog.getByLabel("What is wrong with it?").fill(why);
    await dialog.getByRole("button", { name: "Report" }).click();
    await bob.page.getByText("Those who moderate have been told.").waitFor();
  };
  await reports(`Rude ${said}`, `not nice ${said}`);
  await bob.post(`Rude ${said}`).getByRole("button", { name: "1 comment" }).click();
  await bob.stored(`Ruder ${said}`);
  await reports(`Ruder ${said}`, `not nice either ${said}`);
  await more(bob).click();
  assert.equal(await bob.page.getByRole("menuitem", { name: "Reports…" }).count(), 0, "only those who moderate see them");
  await bob.page.keyboard.press("Escape");

  await more(alice).click();
  await alice.page.getByRole("menuitem", { name: "Reports…" }).press("Enter");
  const open = alice.page.getByRole("dialog", { name: /^Reports in/ });
  const item = (why: string) => open.getByRole("listitem").filter({ hasText: why });
  await item(`not nice ${said}`).getByText("Bob reported what Carol said").waitFor();
  await item(`not nice either ${said}`).getByText(`Ruder ${said}`).waitFor();
  await alice.examine();
  await alice.shoot("reports");
  const outcome = item(`not nice ${said}`).getByLabel("What came of it");
  await outcome.press("Enter");
  await open.getByText("Say what came of it.").waitFor();
  await outcome.fill("spoke with carol");
  await outcome.press("Enter");
  await item(`not nice ${said}`).waitFor({ state: "detached" });
  assert.equal(await alice.page.evaluate(() => document.activeElement?.tagName), "INPUT", "the focus goes to the next one");
  await item(`not nice either ${said}`).getByLabel("What came of it").fill("the same");
  await item(`not nice either ${said}`).getByRole("button", { name: "Resolve" }).click();
  await item(`not nice either ${said}`).waitFor({ state: "detached" });
  await open.getByRole("button", { name: "Close" }).click();
});

test("who owns a group removes somebody, hands it over and leaves", async (t) => {
  const [alice, bob, carol] = (await Promise.all(["alice", "bob", "carol"].map((name) => Visitor.in(t, browser, url, name, "lobby")))) as [Visitor, Visitor, Visitor];
  const said = mark();
  await alice.converse(["Bob", "Carol"], `Trip ${said}`);
  await alice.write(`Where to? ${said}`);
  for (const other of [bob, carol]) {
    await other.enter(`Trip ${said}`);
    await other.stored(`Where to? ${said}`);
  }
  const dialog = alice.page.getByRole("dialog");
  const choose = async (choice: string) => {
    await more(alice).click();
    await alice.page.getByRole("menuitem", { name: choice }).click();
  };
  await more(alice).click();
  assert.equal(await alice.page.getByRole("menuitem", { name: "Leave…" }).count(), 0, "its owner hands it over first");
  await alice.page.keyboard.press("Escape");
  await choose("Remove somebody…");
  await dialog.getByLabel("Whom").selectOption("carol");
  await alice.examine();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await carol.page.getByRole("navigation").getByRole("link", { name: said }).waitFor({ state: "detached" });
  await choose("Hand over…");
  await dialog.getByLabel("Whom").selectOption("bob");
  await dialog.getByRole("button", { name: "Hand over" }).click();
  await alice.page.getByRole("dialog").waitFor({ state: "detached" });
  await choose("Leave…");
  await dialog.getByRole("button", { name: "Leave" }).click();
  await alice.page.getByRole("navigation").getByRole("link", { name: said }).waitFor({ state: "detached" });
  await bob.page.getByRole("main").getByText("you", { exact: true }).waitFor(); // alone, and its owner
  await more(bob).click();
  await bob.page.getByRole("menuitem", { name: "End the group…" }).click();
  await bob.page.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await bob.page.getByRole("navigation").getByRole("link", { name: said }).waitFor({ state: "detached" });
});

test("somebody is blocked from the conversation with them, and no longer from their card", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  t.after(async () => void (await rest(url, "DELETE", "/people/carol/block", await tokenOf(url, "alice"))));
  await alice.converse(["Carol"]);
  await more(alice).click();
  await alice.page.getByRole("menuitem", { name: "Block Carol…" }).click();
  await alice.examine();
  await alice.page.getByRole("dialog").getByRole("button", { name: "Block" }).click();
  await alice.page.getByText("Carol is blocked.").waitFor();
  assert.equal((await rest(url, "POST", "/conversations", await tokenOf(url, "carol"), { participants: ["alice"] })).status, 403);
  await more(alice).click();
  await alice.page.getByRole("menuitem", { name: "About Carol" }).click();
  const card = alice.page.getByRole("dialog", { name: "Carol" });
  await card.getByRole("button", { name: "Ignore" }).click();
  await card.getByRole("button", { name: "Listen again" }).click();
  await card.getByRole("button", { name: "Ignore" }).waitFor();
  await card.getByRole("button", { name: "Unblock" }).click();
  await card.getByRole("button", { name: "Block", exact: true }).waitFor();
  await alice.examine();
  assert.equal((await rest(url, "POST", "/conversations", await tokenOf(url, "carol"), { participants: ["alice"] })).status, 200);
});

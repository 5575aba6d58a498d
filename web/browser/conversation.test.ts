import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { Visitor, launch, mark } from "./visitor.ts";

const url = process.env["RAMBLA_URL"] ?? "";
let browser: Browser;

before(async () => {
  assert.notEqual(url, "", "RAMBLA_URL names a server started with --demo");
  browser = await launch();
});
after(() => browser.close());

const badge = (visitor: Visitor, name: string) => visitor.page.getByRole("link", { name: new RegExp(`^${name}.*\\(\\d+ new\\)`, "i") });

test("a conversation of two begins with the first word and is the same one ever after", async (t) => {
  const [alice, bob] = await Promise.all([Visitor.in(t, browser, url, "alice", "lobby"), Visitor.in(t, browser, url, "bob", "lobby")]);
  await alice.converse(["Bob"]);
  const address = alice.page.url();
  const said = mark();
  await alice.write(`Just us two ${said}`);
  await alice.stored(said);
  // Bob has done nothing for it, and sees it as new.
  await badge(bob, "Alice").waitFor();
  await bob.page.getByRole("navigation").getByText(`Just us two ${said}`).waitFor();
  await bob.enter("Alice");
  await bob.stored(said);
  await badge(bob, "Alice").waitFor({ state: "detached" });
  await bob.write(`Yes ${said}`);
  await alice.stored(`Yes ${said}`);
  await alice.enter("lobby");
  await alice.converse(["Bob"]);
  assert.equal(alice.page.url().split("#")[1], address.split("#")[1]);
  assert.deepEqual(await alice.read(said), [`Just us two ${said}`, `Yes ${said}`]);
  await alice.shoot("conversation");
});

test("a group has a name, which its owner changes, and people who may leave it", async (t) => {
  const [alice, bob, carol] = await Promise.all(["alice", "bob", "carol"].map((name) => Visitor.in(t, browser, url, name, "lobby"))) as [Visitor, Visitor, Visitor];
  const said = mark();
  await alice.converse(["Bob", "Carol"], `Trip ${said}`);
  await alice.page.getByRole("heading", { name: `Trip ${said}` }).waitFor();
  await alice.write(`Where to? ${said}`);
  for (const other of [bob, carol]) {
    await badge(other, `Trip ${said}`).waitFor();
    await other.enter(`Trip ${said}`);
    await other.stored(`Where to? ${said}`);
  }
  await carol.write(`Girona ${said}`);
  await alice.stored(`Girona ${said}`);
  await bob.stored(`Girona ${said}`);
  const more = (visitor: Visitor) => visitor.page.getByRole("button", { name: "More about this room" });
  await alice.shoot("group");
  await more(alice).click();
  await alice.page.getByRole("menuitem", { name: "Rename…" }).click();
  await alice.page.getByLabel("Name", { exact: true }).fill(`Girona ${said}`);
  await alice.page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
  await alice.page.getByRole("heading", { name: `Girona ${said}` }).waitFor();
  await more(bob).click();
  assert.equal(await bob.page.getByRole("menuitem", { name: "Rename…" }).count(), 0, "only its owner may");
  await bob.page.keyboard.press("Escape");
  await more(carol).click();
  await carol.page.getByRole("menuitem", { name: "Leave…" }).click();
  await carol.page.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
  await carol.page.getByRole("navigation").getByRole("link", { name: said }).waitFor({ state: "detached" });
  await bob.write(`Pity ${said}`);
  await alice.stored(`Pity ${said}`);
  assert.equal(await carol.page.getByText(`Pity ${said}`).count(), 0);
});

test("a reply tells what it answers", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  await alice.converse(["Bob"]);
  const said = mark();
  await alice.write(`Tea or coffee ${said}?`);
  await alice.stored(said);
  await alice.post(`Tea or coffee ${said}`).getByRole("button", { name: "Reply" }).click();
  await alice.page.getByText(`Answering Alice: Tea or coffee ${said}?`).waitFor();
  await alice.write(`Tea, thanks ${said}`);
  await alice.stored(`Tea, thanks ${said}`);
  await alice.post(`Tea, thanks ${said}`).locator(".quote").getByText(`Alice: Tea or coffee ${said}?`).waitFor();
});

test("the other one's typing, coming, going and reading are seen", async (t) => {
  const alice = await Visitor.in(t, browser, url, "alice", "lobby");
  const bob = await Visitor.in(t, browser, url, "bob", "lobby");
  const said = mark();
  await alice.converse(["Bob"]);
  await alice.page.getByRole("main").getByText("Online", { exact: true }).waitFor();
  await alice.write(`Are you there? ${said}`);
  await alice.stored(said);
  await alice.post(said).getByText("Delivered").waitFor();
  await bob.enter("Alice");
  await bob.stored(said);
  await alice.post(said).getByText("Read", { exact: true }).waitFor();
  await bob.box.pressSequentially("Just a mo");
  await alice.page.getByText("Bob is typing…").waitFor();
  await alice.shoot("typing");
  // Nobody says that they have stopped; it is over by itself.
  await alice.page.getByText("Bob is typing…").waitFor({ state: "detached" });
  await bob.box.fill("");
  await bob.write(`Yes ${said}`);
  await alice.stored(`Yes ${said}`);
  await bob.page.close();
  await alice.page.getByRole("main").getByText(/^(Offline|Last seen)/).waitFor({ timeout: 60_000 });
});

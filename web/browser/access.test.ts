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

for (const colorScheme of ["light", "dark"] as const) {
  test(`nothing that axe looks for keeps anybody out, in ${colorScheme} colours`, async (t) => {
    const alice = await Visitor.arrive(t, browser, url, { colorScheme, reducedMotion: "reduce" });
    await alice.examine();
    await alice.signIn("alice");
    await alice.page.getByRole("navigation").waitFor();
    await alice.examine();
    const said = mark();
    await alice.enter("lobby");
    await alice.write(`${said} for @bob, https://rambla.example`);
    await alice.stored(said);
    await alice.examine();
    await alice.post(said).getByRole("button", { name: "More actions" }).click();
    await alice.page.getByRole("menu").waitFor();
    await alice.examine();
    await alice.page.keyboard.press("Escape");
    await alice.page.getByRole("link", { name: "Everything" }).click();
    await alice.stored(said);
    await alice.examine();
    await alice.page.getByRole("button", { name: "New conversation" }).click();
    await alice.page.getByRole("dialog").waitFor();
    await alice.examine();
    await alice.page.keyboard.press("Escape");
    await alice.converse(["Bob"]);
    await alice.write(`Hello ${said}`);
    await alice.stored(`Hello ${said}`);
    await alice.examine();
  });
}

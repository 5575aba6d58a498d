import assert from "node:assert/strict";
import { test } from "node:test";
import { Server } from "./server.ts";
import { Visitor, launch, stored, tokenOf } from "./visitor.ts";

// No name is the beginning of another.
const two = (i: number) => String(i).padStart(2, "0");

test("a server that is killed and comes back has lost and doubled nothing", async (t) => {
  const server = await Server.make();
  const browser = await launch();
  t.after(async () => {
    await browser.close();
    await server.remove();
  });
  await server.start();
  const [alice, bob] = await Promise.all([
    Visitor.in(t, browser, server.url, "alice", "lobby"),
    Visitor.in(t, browser, server.url, "bob", "lobby"),
  ]);
  // Into the running server, into the dying one and into none at all.
  const want: string[] = [];
  const write = async (who: Visitor, words: string) => {
    want.push(words);
    await who.write(words);
  };
  for (let i = 1; i <= 10; i++) await write(alice, `restart a${two(i)}`);
  const killed = server.kill();
  for (let i = 11; i <= 20; i++) await write(alice, `restart a${two(i)}`);
  await killed;
  await alice.banner.waitFor();
  await bob.banner.waitFor();
  await alice.shoot("server-away");
  for (let i = 1; i <= 5; i++) await write(bob, `restart b${two(i)}`);
  await server.start();
  for (const reader of [alice, bob]) {
    await reader.connected();
    for (const words of want) await reader.stored(words);
  }
  const shown = await alice.read("restart");
  assert.deepEqual([...shown].sort(), [...want].sort(), "each once");
  assert.deepEqual(await bob.read("restart"), shown, "in one order for everybody");
  const kept = await stored(server.url, await tokenOf(server.url, "alice"), "lobby", "restart");
  assert.deepEqual(kept.map((post) => post.object.content), shown);
  const of = (letter: string) => shown.filter((words) => words.includes(` ${letter}`));
  for (const letter of ["a", "b"]) {
    assert.deepEqual(of(letter), want.filter((words) => words.includes(` ${letter}`)), "and in the order of each writer");
  }
});

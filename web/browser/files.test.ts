import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";
import type { Browser, Locator } from "playwright-core";
import { Visitor, launch, mark } from "./visitor.ts";

const url = process.env["RAMBLA_URL"] ?? "";
let browser: Browser;

before(async () => {
  assert.notEqual(url, "", "RAMBLA_URL names a server started with --demo");
  browser = await launch();
});
after(() => browser.close());

/** A PNG of a sea under a sky. */
function painting(width: number, height: number): Buffer {
  const chunk = (kind: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const isSea = y > height * 0.6 + 6 * Math.sin(x / 15);
      rows.set(isSea ? [10, 80 + (y % 24), 130] : [250 - (60 * y) / height, 190, 120 + (90 * y) / height], y * (1 + 3 * width) + 1 + 3 * x);
    }
  }
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

/** Waits until an image has come whole. */
async function came(image: Locator): Promise<{ width: number; height: number }> {
  await image.scrollIntoViewIfNeeded();
  return image.evaluate(async (element) => {
    const shown = element as unknown as { decode(): Promise<void>; naturalWidth: number; naturalHeight: number };
    await shown.decode();
    return { width: shown.naturalWidth, height: shown.naturalHeight };
  });
}

test("files are uploaded, pasted and refused, and pictures are seen by whoever reads the post", async (t) => {
  // Where no other test writes in between: of somebody who goes on writing one avatar is shown.
  const alice = await Visitor.in(t, browser, url, "alice", "news");
  const bob = await Visitor.in(t, browser, url, "bob", "news");
  const said = mark();
  const { page } = alice;

  // Chosen: a picture, another file, and one that only says it is a picture.
  const choosing = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Add files" }).click();
  await (await choosing).setFiles([
    { name: "the sea.png", mimeType: "image/png", buffer: painting(900, 600) },
    { name: "timetable.txt", mimeType: "text/plain", buffer: Buffer.from("Monday\n") },
    { name: "trap.png", mimeType: "image/png", buffer: Buffer.concat([painting(4, 4).subarray(0, 20), Buffer.from("<script>")]) },
  ]);
  const tray = page.getByRole("list", { name: "Files to send" });
  await tray.getByRole("listitem").filter({ hasText: "trap.png" }).getByText(/cannot be read/).waitFor();
  await alice.shoot("files-to-send");
  await tray.getByRole("button", { name: "Take away trap.png" }).click();
  await alice.write(said);
  for (const reader of [alice, bob]) {
    await reader.stored(said);
    const post = reader.post(said);
    assert.deepEqual(await came(post.getByRole("img", { name: "the sea.png" })), { width: 640, height: 427 });
    await post.getByRole("link", { name: /timetable\.txt 7 bytes/ }).waitFor();
  }
  assert.equal(await tray.count(), 0);

  // Pasted, and sent without a word.
  await alice.box.focus();
  await alice.box.evaluate((box, bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "pasted.png", { type: "image/png" }));
    box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, [...painting(300, 200)]);
  await tray.getByText("pasted.png").waitFor();
  await page.getByRole("button", { name: "Send" }).click();
  const pasted = bob.page.getByRole("img", { name: "pasted.png" }).last();
  assert.deepEqual(await came(pasted), { width: 300, height: 200 });

  // A picture of oneself.
  await page.getByRole("button", { name: "Alice", exact: true }).first().click();
  const sitting = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Change picture…" }).click();
  await (await sitting).setFiles({ name: "me.png", mimeType: "image/png", buffer: painting(200, 300) });
  await page.getByText("This is the picture now.").waitFor();
  await alice.shoot("portrait");
  await page.getByRole("button", { name: "Close" }).click();
  await bob.page.reload();
  await bob.stored(said);
  assert.deepEqual(await came(bob.post(said).locator(".avatar img")), { width: 96, height: 96 });
  await bob.shoot("files");
  await bob.examine();
});

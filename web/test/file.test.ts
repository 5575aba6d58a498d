import assert from "node:assert/strict";
import { test } from "node:test";
import { isPicture, parseAttachments, sizeWords } from "../src/file.ts";
import { Media } from "../src/media.ts";
import { parsePost } from "../src/post.ts";
import { parseContext } from "../src/room.ts";
import { Uploads, sender, type Sender } from "../src/upload.ts";
import { wire } from "./fixture.ts";

const id = "01900000-0000-7000-8000-00000000000a";
const photo = { type: "Image", id, name: "sea.jpg", mediaType: "image/jpeg", size: 1234, width: 40, height: 30, url: `/v1/attachments/${id}` };
const tick = () => new Promise((resolve) => setTimeout(resolve));

test("the files of a post are read, and what is none is left out", () => {
  const object = { type: "Note", id: "id-1", content: "", attachment: [photo, 7, { id: "../../x", name: "y" }, { id, size: -1 }] };
  const files = parsePost({ ...wire({ seq: 1 }), object }, "/ctx/lobby")?.files ?? [];
  assert.deepEqual(files.map((file) => [file.name, file.size, isPicture(file)]), [["sea.jpg", 1234, true], ["file", 0, false]]);
  assert.deepEqual(parseAttachments("x"), []);
});

test("sizes are told in words that are short", () => {
  assert.deepEqual([0, 999, 1000, 9_949, 9_950, 999_600, 104_857_600].map(sizeWords), ["0 bytes", "999 bytes", "1.0 KB", "9.9 KB", "10 KB", "1.0 MB", "105 MB"]);
});

test("only addresses of this server are pictures of a room", () => {
  const avatar = (address: unknown) => parseContext({ id: "lobby", avatar: address }, {})?.avatar;
  assert.equal(avatar("/v1/contexts/lobby/avatar?v=1"), "/contexts/lobby/avatar?v=1");
  assert.deepEqual([avatar("https://elsewhere.example/x"), avatar("//elsewhere.example/v1/"), avatar("/v1//x"), avatar(7)], ["", "", "", ""]);
});

test("what waits for a media token gets it, and one serves until it is old", async () => {
  let now = 0;
  let made = 0;
  const media = new Media({ post: async () => ({ token: `t ${++made}`, expiresIn: 3600 }) }, () => now);
  const images = [{ src: "" }, { src: "" }];
  for (const image of images) media.show(image, "/attachments/1/thumbnail?size=640");
  await tick();
  assert.deepEqual(images.map((image) => image.src), Array(2).fill("/v1/attachments/1/thumbnail?size=640&t=t%201"));
  const link = { href: "" };
  media.show(link, "/attachments/1");
  assert.equal(link.href, "/v1/attachments/1?t=t%201");
  now = 3600_000;
  media.show(link, "/attachments/1");
  await tick();
  assert.equal(link.href, "/v1/attachments/1?t=t%202");
  const before = media.portrait("ann");
  media.changed("ann");
  assert.notEqual(media.portrait("ann"), before);
});

test("uploads go on two at a time, are told of, and can be taken away", async () => {
  const running: { resolve: (answer: unknown) => void; reject: (err: unknown) => void; progress: (part: number) => void; signal: AbortSignal }[] = [];
  const uploads = new Uploads((_method, _path, _body, progress, signal) => new Promise((resolve, reject) => running.push({ resolve, reject, progress, signal })), () => {});
  for (const name of ["a.jpg", "b.jpg", "c.jpg"]) uploads.add(new File(["x"], name));
  await tick();
  assert.equal(running.length, 2);
  running[0]?.progress(0.5);
  assert.equal(uploads.list[0]?.part, 0.5);
  running[0]?.resolve(photo);
  await tick();
  assert.equal(running.length, 3);
  assert.equal(uploads.isBusy, true);
  const second = uploads.list[1];
  assert.ok(second);
  uploads.drop(second);
  assert.equal(running[1]?.signal.aborted, true);
  running[1]?.reject(new Error("cancelled"));
  running[2]?.resolve({ nonsense: true });
  await tick();
  assert.equal(uploads.isBusy, false);
  assert.deepEqual(uploads.files.map((file) => file.name), ["sea.jpg"]);
  assert.match(uploads.list[1]?.problem ?? "", /not understood/);
});

test("an upload is sent again with a new token, once, and told why it was refused", async () => {
  const answers = [
    [401, ""],
    [413, JSON.stringify({ code: "too_large", detail: "The file is larger than 10 bytes." })],
  ] as const;
  const tokens: string[] = [];
  const make = (): Sender => {
    const [status, responseText] = answers[Math.min(tokens.length, 1)] ?? [0, ""];
    const request = {
      status, responseText, withCredentials: false, upload: {} as XMLHttpRequestUpload, onload: null, onerror: null, onabort: null,
      open: () => {}, abort: () => {},
      setRequestHeader: (name: string, value: string) => void (name === "Authorization" && tokens.push(value)),
      send: () => void (request as unknown as { onload: () => void }).onload(),
    };
    return request as Sender;
  };
  const send = sender({ token: async () => "old", renew: async () => "new" }, make);
  await assert.rejects(send("POST", "/attachments", new FormData(), () => {}, new AbortController().signal), /larger than 10 bytes/);
  assert.deepEqual(tokens, ["Bearer old", "Bearer new"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { segments } from "../src/link.ts";

const links = (content: string) => segments(content).filter((segment) => segment.href !== "").map((segment) => segment.href);

test("web addresses become links, with the sentence around them left alone", () => {
  const cases: Record<string, string[]> = {
    "see https://a.example/x?y=1#z.": ["https://a.example/x?y=1#z"],
    "(https://a.example/b)": ["https://a.example/b"],
    "https://a.example/w_(river)": ["https://a.example/w_(river)"],
    "http://a.example, http://b.example!": ["http://a.example", "http://b.example"],
    "no address": [],
    "": [],
  };
  for (const [content, want] of Object.entries(cases)) assert.deepEqual(links(content), want, content);
});

test("no other scheme becomes a link", () => {
  for (const content of ["javascript:alert(1)", "data:text/html,x", "ftp://a.example", "//a.example", "vbscript:x", "https://"]) {
    assert.deepEqual(links(content), [], content);
  }
});

test("nothing of the text is lost", () => {
  for (const content of ["a https://b.example. c", "<https://b.example>", "https://", "x\nhttps://b.example\ny"]) {
    assert.equal(segments(content).map((segment) => segment.text).join(""), content);
  }
});

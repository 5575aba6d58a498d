// Files that hang on posts.

import { isFields, text } from "./post.ts";

/** A file, as its post tells of it. */
export interface Attachment {
  readonly id: string;
  readonly name: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  /** Pixels; 0 for what is no picture that small ones are made of. */
  readonly width: number;
  readonly height: number;
}

/** How many files one post has, as the server takes them. */
export const maxFiles = 10;

/** Ids stand in addresses, so they are held to what ids are. */
const id = /^[0-9a-f-]{36}$/;

export function parseAttachment(value: unknown): Attachment | null {
  if (!isFields(value) || !id.test(text(value["id"]))) return null;
  const count = (field: unknown) => (typeof field === "number" && field > 0 ? field : 0);
  return {
    id: text(value["id"]),
    name: text(value["name"]) || "file",
    mediaType: text(value["mediaType"]),
    size: count(value["size"]),
    width: count(value["width"]),
    height: count(value["height"]),
  };
}

export function parseAttachments(value: unknown): Attachment[] {
  return (Array.isArray(value) ? value : []).map(parseAttachment).filter((file) => file !== null);
}

/** Whether the server makes small ones of it. */
export function isPicture(file: Attachment): boolean {
  return file.mediaType.startsWith("image/") && file.width > 0 && file.height > 0;
}

const units = ["KB", "MB", "GB"];

export function sizeWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  let size = bytes;
  let unit = -1;
  do {
    size /= 1000;
    unit++;
  } while (size >= 999.5 && unit < units.length - 1);
  return `${size < 9.95 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

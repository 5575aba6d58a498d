/** A piece of a message: plain text, or the address that the text names. */
export interface Segment {
  readonly text: string;
  readonly href: string;
}

const address = /https?:\/\/[^\s<>"'`]+/g;

/** Splits a message at its web addresses; only http and https ones become links. */
export function segments(content: string): Segment[] {
  const found: Segment[] = [];
  let from = 0;
  for (const match of content.matchAll(address)) {
    // A full stop or bracket at the end belongs to the sentence.
    let named = match[0].replace(/[.,;:!?]+$/, "");
    if (named.endsWith(")") && !named.includes("(")) named = named.slice(0, -1);
    if (!URL.canParse(named)) continue;
    if (match.index > from) found.push({ text: content.slice(from, match.index), href: "" });
    found.push({ text: named, href: named });
    from = match.index + named.length;
  }
  if (from < content.length) found.push({ text: content.slice(from), href: "" });
  return found;
}

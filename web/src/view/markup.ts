/**
 * The one place where text becomes HTML: what the server made of Markdown and
 * has cleaned. It is parsed in a document of its own, in which nothing runs and
 * nothing is loaded, and only what is listed here is taken over from there, so
 * a mistake of either side alone lets nothing through.
 */
const elements = new Set([
  "A", "B", "BLOCKQUOTE", "BR", "CODE", "DEL", "EM", "H1", "H2", "H3", "H4", "H5", "H6", "HR", "I", "LI", "OL", "P", "PRE",
  "S", "STRONG", "SUB", "SUP", "TABLE", "TBODY", "TD", "TH", "THEAD", "TR", "UL",
]);

/** Elements whose text is no text either. */
const dropped = new Set(["SCRIPT", "STYLE", "TEMPLATE", "NOSCRIPT", "IFRAME", "OBJECT", "SVG", "MATH", "TITLE", "TEXTAREA"]);

/** Deeper than this nobody means it. */
const maxDepth = 40;

interface Policy {
  createHTML(html: string): string;
}

// Not all browsers know trusted types; where they do, the page's policy lets
// this one be made, and no second.
const types = (window as { trustedTypes?: { createPolicy(name: string, rules: { createHTML(html: string): string }): Policy } }).trustedTypes;
const policy: Policy = types?.createPolicy("markup", { createHTML: (html) => html }) ?? { createHTML: (html) => html };

/** named makes of a text what stands for it, such as a link for who is named in it. */
export function markup(html: string, named: (words: string) => readonly (Node | string)[] = (words) => [words]): DocumentFragment {
  const result = document.createDocumentFragment();
  copy(parse(html).body, result, named, 0);
  return result;
}

/** What it says, without what it looks like. */
export function textOf(html: string): string {
  return (parse(html).body.textContent ?? "").trim();
}

function parse(html: string): Document {
  return new DOMParser().parseFromString(policy.createHTML(html), "text/html");
}

function copy(from: Node, to: Element | DocumentFragment, named: (words: string) => readonly (Node | string)[], depth: number): void {
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) {
      const words = child.textContent ?? "";
      to.append(...(isLiteral(from) ? [words] : named(words)));
      continue;
    }
    if (child.nodeType !== Node.ELEMENT_NODE || depth > maxDepth) continue;
    const element = child as Element;
    const name = element.tagName.toUpperCase();
    if (dropped.has(name)) continue;
    const kept = elements.has(name) && element.namespaceURI === "http://www.w3.org/1999/xhtml" ? made(element, name) : null;
    if (kept !== null) to.appendChild(kept);
    copy(element, kept ?? to, named, depth + 1);
  }
}

/** In code nobody is named, and a link holds no other. */
function isLiteral(node: Node): boolean {
  return (node as Element).closest?.("code, pre, a") != null;
}

/** A heading in a message is none of the page's: it must not stand in its outline. */
function made(element: Element, name: string): HTMLElement {
  if (/^H[1-6]$/.test(name)) {
    const heading = document.createElement("p");
    heading.className = "heading-in-text";
    return heading;
  }
  const kept = document.createElement(name.toLowerCase());
  if (name === "A") link(kept, element.getAttribute("href") ?? "");
  const start = element.getAttribute("start") ?? "";
  if (name === "OL" && /^\d{1,9}$/.test(start)) kept.setAttribute("start", start);
  return kept;
}

function link(kept: HTMLElement, href: string): void {
  if (!/^(https?:\/\/|mailto:)/i.test(href) || !URL.canParse(href)) return;
  kept.setAttribute("href", href);
  kept.setAttribute("target", "_blank");
  kept.setAttribute("rel", "noopener noreferrer nofollow");
}

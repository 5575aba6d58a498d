/** Contexts have addresses, so that the browser's back and bookmarks work. */
export function addressOf(id: string): string {
  return `#/${encodeURIComponent(id)}`;
}

/** The context that the page's address names; null for none. */
export function addressed(hash: string): string | null {
  if (!hash.startsWith("#/") || hash.length < 3) return null;
  try {
    return decodeURIComponent(hash.slice(2));
  } catch {
    return null; // Not an address of ours.
  }
}

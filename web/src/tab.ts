import { newKey } from "./outbox.ts";

const place = "rambla.tab";

/**
 * Whether this tab is the one its sessionStorage was written for. A browser
 * that duplicates a tab copies the storage; two tabs on one refresh token would
 * end each other's grant, so the copy has to sign in for itself.
 *
 * Origins without the Web Locks API (plain http on another host) cannot tell,
 * and are taken for the first tab.
 */
export async function isFirstTab(store: Storage): Promise<boolean> {
  const locks = (navigator as Partial<Navigator>).locks;
  if (locks === undefined) return true;
  const known = store.getItem(place);
  // A page being reloaded may hold its lock a moment longer than itself.
  if (known !== null && (await hold(locks, known, 1000))) return true;
  const own = newKey();
  store.setItem(place, own);
  await hold(locks, own, 1000);
  return known === null;
}

/** Takes the lock for as long as the page lives; false where another tab has it. */
function hold(locks: LockManager, name: string, patience: number): Promise<boolean> {
  return new Promise((resolve) => {
    locks
      .request(`rambla.tab.${name}`, { signal: AbortSignal.timeout(patience) }, () => {
        resolve(true);
        return new Promise<never>(() => {});
      })
      .catch(() => resolve(false));
  });
}

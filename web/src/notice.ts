/**
 * What the worker does with a push. It is bundled alone, so it shares no module
 * with the page but types.
 */

/** What the worker and the page say to each other. */
export type Word =
  /** The page is to open this place. */
  | { readonly say: "open"; readonly hash: string }
  /** The browser has replaced the subscription: the page is to register the new one. */
  | { readonly say: "subscribed" };

export interface Notice {
  readonly title: string;
  readonly options: NotificationOptions & { readonly renotify?: boolean };
}

interface Tab {
  readonly url: string;
  focus(): Promise<unknown>;
  postMessage(word: Word): void;
}

interface PushSeen {
  readonly data: { json(): unknown } | null;
  waitUntil(done: Promise<unknown>): void;
}

interface Click {
  readonly notification: { readonly data: unknown; close(): void };
  waitUntil(done: Promise<unknown>): void;
}

interface Change {
  readonly oldSubscription?: { readonly options: { readonly applicationServerKey: ArrayBuffer | null } } | null;
  waitUntil(done: Promise<unknown>): void;
}

/** What of a service worker's scope is used here. */
export interface Scope {
  readonly registration: {
    showNotification(title: string, options: Notice["options"]): Promise<void>;
    readonly pushManager: {
      subscribe(options: { userVisibleOnly: boolean; applicationServerKey: ArrayBuffer | null }): Promise<unknown>;
    };
  };
  readonly clients: {
    matchAll(options: { type: "window"; includeUncontrolled: true }): Promise<readonly Tab[]>;
    openWindow(url: string): Promise<unknown>;
    claim(): Promise<void>;
  };
  readonly navigator: { setAppBadge?(count: number): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(name: "install" | "activate", listener: (event: { waitUntil(done: Promise<unknown>): void }) => void): void;
  addEventListener(name: "push", listener: (event: PushSeen) => void): void;
  addEventListener(name: "notificationclick", listener: (event: Click) => void): void;
  addEventListener(name: "pushsubscriptionchange", listener: (event: Change) => void): void;
}

const stream = /^(\/(?:ctx|conv|user)\/[^/+#\s]+)\/[a-z]+$/;

/**
 * What to show for the data of a push. There is always something: a browser
 * takes the permission away from pages whose pushes show nothing. One notice
 * per stream; a newer one takes its place.
 */
export function noticeOf(data: unknown): Notice {
  const fields = typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
  const text = (name: string) => (typeof fields[name] === "string" ? (fields[name] as string) : "");
  const isSilent = text("silent") === "1";
  return {
    title: text("title") || text("alertTitle") || "Rambla",
    options: {
      body: text("body") || text("alertBody") || "There is something new.",
      tag: text("stream"),
      silent: isSilent,
      // Without a tag there is nothing to announce anew, and browsers refuse it.
      renotify: !isSilent && text("stream") !== "",
      data: text("stream"),
    },
  };
}

/** How many are unread; null where the push does not say. */
export function badgeOf(data: unknown): number | null {
  const badge = (data as { badge?: unknown } | null)?.badge;
  return typeof badge === "string" && /^\d{1,9}$/.test(badge) ? Number(badge) : null;
}

/** Where the page shows the stream. */
export function hashOf(topic: unknown): string {
  const place = typeof topic === "string" ? stream.exec(topic)?.[1] : undefined;
  return place === undefined ? "" : `#${place}`;
}

/** Answers the browser's events until the browser ends the worker. */
export function attend(scope: Scope): void {
  // A new worker takes over at once: it holds nothing that an old page needs.
  scope.addEventListener("install", (event) => event.waitUntil(scope.skipWaiting()));
  scope.addEventListener("activate", (event) => event.waitUntil(scope.clients.claim()));
  scope.addEventListener("push", (event) => event.waitUntil(show(scope, dataOf(event))));
  scope.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(open(scope, hashOf(event.notification.data)));
  });
  scope.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(subscribe(scope, event)));
}

function dataOf(event: PushSeen): unknown {
  try {
    return event.data?.json() ?? null;
  } catch {
    return null; // Not from our server, or from a newer one: still something new.
  }
}

async function show(scope: Scope, data: unknown): Promise<void> {
  const { title, options } = noticeOf(data);
  await scope.registration.showNotification(title, options);
  const badge = badgeOf(data);
  // Where the page is not installed as an app there is no place for it.
  if (badge !== null) await scope.navigator.setAppBadge?.(badge).catch(() => undefined);
}

async function open(scope: Scope, hash: string): Promise<void> {
  const [tab] = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (tab === undefined) {
    await scope.clients.openWindow(`/${hash}`);
    return;
  }
  await tab.focus();
  if (hash !== "") tab.postMessage({ say: "open", hash });
}

/**
 * Only a signed-in page may register a device, and the worker holds no token: it
 * subscribes again and tells the open pages. Where none is open, the next one
 * registers whatever subscription it finds.
 */
async function subscribe(scope: Scope, event: Change): Promise<void> {
  const key = event.oldSubscription?.options.applicationServerKey ?? null;
  if (key !== null) await scope.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  for (const tab of await scope.clients.matchAll({ type: "window", includeUncontrolled: true })) tab.postMessage({ say: "subscribed" });
}

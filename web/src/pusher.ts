import type { Word } from "./notice.ts";
import type { Pusher } from "./notifier.ts";

/** Where the build puts worker.ts: at the root, since a worker serves what is below it. */
const script = "/worker.js";

interface ScriptPolicy {
  createScriptURL(url: string): string;
}

type TrustedTypes = { createPolicy(name: string, rules: ScriptPolicy): ScriptPolicy };

/**
 * This browser's pushes; null where it has none, as on a page without TLS. There
 * is no worker before somebody wants to be notified.
 */
export function browserPusher(): Pusher | null {
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) return null;
  return {
    language: navigator.language,
    get permission() {
      return Notification.permission;
    },
    ask: () => Notification.requestPermission(),
    current: async () => (await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription()) ?? null,
    subscribe: async (applicationServerKey) => {
      await navigator.serviceWorker.register(trusted());
      const { pushManager } = await navigator.serviceWorker.ready; // Only an active worker can be subscribed.
      return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
    },
  };
}

/** Calls back with what the worker says, until the signal. */
export function listenToWorker(heard: (word: Word) => void, signal: AbortSignal): void {
  if (!("serviceWorker" in navigator)) return;
  navigator.serviceWorker.addEventListener("message", (event) => heard(event.data as Word), { signal });
}

let policy: ScriptPolicy | undefined;

/** The page's policy lets no other text become the address of a script. */
function trusted(): string {
  const types = (window as { trustedTypes?: TrustedTypes }).trustedTypes;
  policy ??= types?.createPolicy("worker", { createScriptURL: () => script });
  return policy?.createScriptURL(script) ?? script;
}

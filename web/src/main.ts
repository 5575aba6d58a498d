import { Desk } from "./desk.ts";
import { Live } from "./live.ts";
import { Notifier } from "./notifier.ts";
import { Outbox, newKey } from "./outbox.ts";
import { addressed } from "./place.ts";
import type { Post } from "./post.ts";
import { Problem, sentenceOf } from "./problem.ts";
import { browserPusher, listenToWorker } from "./pusher.ts";
import { Rest, whoAmI } from "./rest.ts";
import type { Me } from "./room.ts";
import { Session } from "./session.ts";
import { isFirstTab } from "./tab.ts";
import { sender } from "./upload.ts";
import { h } from "./view/dom.ts";
import { Page } from "./view/page.ts";
import { signInView } from "./view/signin.ts";
import "./style.css";

const page = document.getElementById("page") ?? document.body;
const request: typeof fetch = (...args) => fetch(...args);
// One per page: a connection that the server has not yet found dead is replaced.
const clientID = `web-${newKey().slice(0, 16)}`;
const entrance = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/mqtt`;

let stopDesk: () => void = () => {};

function showSignIn(session: Session, reason = ""): void {
  stopDesk();
  const view = signInView(async (name, password) => {
    await session.signIn(name, password);
    await showDesk(session);
  }, reason);
  page.replaceChildren(view);
  view.querySelector("input")?.focus();
}

async function showDesk(session: Session): Promise<void> {
  const rest = new Rest(session, request);
  const me = await whoAmI(rest);
  stopDesk();
  stopDesk = openDesk(session, rest, me);
}

/** Returns what closes it again. */
function openDesk(session: Session, rest: Rest, me: Me): () => void {
  const outbox = new Outbox(sessionStorage, me.id, () => view.update());
  const heard = { changed: () => view.update(), heard: (posts: readonly Post[]) => view.heard(posts) };
  const desk = new Desk(me, rest, outbox, heard, sender(session));
  const live = new Live(
    {
      url: entrance,
      username: me.id,
      token: () => session.token(),
      turnedAway: async () => void (await whoAmI(rest)),
      clientID,
    },
    desk,
  );
  const notifier = new Notifier(me.id, clientID, rest, browserPusher(), localStorage, {
    changed: () => events.signal.aborted || view.update(),
    say: (sentence) => desk.say(sentence),
  });
  const view: Page = new Page(desk, notifier, {
    signOut: () => {
      outbox.clear();
      void notifier.leave();
      stopDesk();
      history.replaceState(null, "", location.pathname);
      void session.signOut();
      showSignIn(session);
    },
    hurry: () => live.hurry(),
  });
  const events = new AbortController();
  const listen = (name: string, listener: () => void) => window.addEventListener(name, listener, { signal: events.signal });
  listen("hashchange", () => desk.show(addressed(location.hash)));
  listen("online", () => {
    live.hurry();
    void notifier.start();
  });
  listen("offline", () => live.lose());
  // A page in the background waits longer than it meant to.
  document.addEventListener("visibilitychange", () => document.hidden || live.hurry(), { signal: events.signal });
  listenToWorker((word) => {
    if (word.say === "open") location.hash = word.hash;
    notifier.hear(word);
  }, events.signal);
  session.onEnd = () => showSignIn(session, "Your session has ended. Please sign in again.");
  page.replaceChildren(view.element);
  desk.start(live);
  desk.show(addressed(location.hash));
  void notifier.start();
  return () => {
    stopDesk = () => {};
    session.onEnd = () => {};
    events.abort();
    desk.stop();
    view.stop();
  };
}

/** The page was reloaded: goes on where it was, also when the server is just away. */
async function resume(session: Session): Promise<void> {
  for (let wait = 500; ; wait = Math.min(wait * 2, 15_000)) {
    try {
      await showDesk(session);
      return;
    } catch (err) {
      if (!(err instanceof Problem) || !err.isPassing) {
        session.forget();
        showSignIn(session, sentenceOf(err));
        return;
      }
      page.replaceChildren(h("p", { class: "alone", attrs: { role: "status" } }, `${err.message} Trying again…`));
      await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)));
    }
  }
}

async function begin(): Promise<void> {
  const isFirst = await isFirstTab(sessionStorage);
  const session = new Session(sessionStorage, request);
  // The tab this one was copied from goes on living on that grant.
  if (!isFirst) session.forget();
  if (session.isSignedIn) await resume(session);
  else showSignIn(session);
}

void begin();

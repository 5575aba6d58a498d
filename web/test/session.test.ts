import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Problem } from "../src/problem.ts";
import { Session } from "../src/session.ts";
import { memory, settled } from "./fixture.ts";

interface Call {
  readonly url: string;
  readonly form: Record<string, string>;
  answer(status: number, body: unknown): void;
  fail(): void;
}

/** A server whose answers the test gives one by one. */
function server() {
  const calls: Call[] = [];
  const request = ((url: string, init: RequestInit) =>
    new Promise<Response>((resolve, reject) => {
      calls.push({
        url,
        form: Object.fromEntries(init.body as URLSearchParams),
        answer: (status, body) => resolve(new Response(JSON.stringify(body), { status })),
        fail: () => reject(new TypeError("no network")),
      });
    })) as typeof fetch;
  return { calls, request };
}

const grant = (n: number) => ({ access_token: `access ${n}`, token_type: "Bearer", expires_in: 3600, refresh_token: `refresh ${n}`, scope: "read write" });

async function signedIn(t: TestContext) {
  // Timers are the page's own renewals; these tests ask for theirs themselves.
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const { calls, request } = server();
  const store = memory();
  const session = new Session(store, request);
  const entering = session.signIn("alice", "secret");
  calls[0]?.answer(200, grant(1));
  await entering;
  return { calls, request, store, session };
}

test("signing in sends the password form and gives a token", async (t) => {
  const { calls, session, store } = await signedIn(t);
  assert.equal(calls[0]?.url, "/v1/oauth/token");
  assert.deepEqual(calls[0]?.form, { grant_type: "password", username: "alice", password: "secret" });
  assert.equal(await session.token(), "access 1");
  assert.doesNotMatch([...store.items.values()].join(), /secret/);
});

test("a wrong password is told and leaves nobody signed in", async () => {
  const { calls, request } = server();
  const session = new Session(memory(), request);
  const entering = session.signIn("alice", "wrong");
  calls[0]?.answer(400, { error: "invalid_grant", error_description: "Name or password is wrong." });
  await assert.rejects(entering, (err) => err instanceof Problem && err.message === "Name or password is wrong." && !err.isPassing);
  assert.equal(session.isSignedIn, false);
});

test("everybody who needs a token during a renewal waits for that one renewal", async (t) => {
  const { calls, session, store } = await signedIn(t);
  t.mock.timers.setTime(1_000_000 + 3_590_000);
  const asked = [session.token(), session.token(), session.renew("access 1")];
  await settled();
  const renewals = calls.filter((call) => call.form["grant_type"] === "refresh_token");
  assert.equal(renewals.length, 1, "a second use of the refresh token ends the grant");
  assert.equal(renewals[0]?.form["refresh_token"], "refresh 1");
  renewals[0]?.answer(200, grant(2));
  assert.deepEqual(await Promise.all(asked), ["access 2", "access 2", "access 2"]);
  assert.match(store.items.get("rambla.session") ?? "", /refresh 2/);
  assert.equal(await session.renew("access 1"), "access 2", "a token replaced meanwhile is not renewed again");
});

test("a renewal that cannot reach the server is tried again with the same refresh token", async (t) => {
  const { calls, session } = await signedIn(t);
  let hasEnded = false;
  session.onEnd = () => (hasEnded = true);
  const failing = session.renew("access 1");
  calls[1]?.fail();
  await assert.rejects(failing, (err) => err instanceof Problem && err.isPassing);
  const next = session.renew("access 1");
  assert.equal(calls[2]?.form["refresh_token"], "refresh 1");
  calls[2]?.answer(200, grant(2));
  assert.equal(await next, "access 2");
  assert.equal(hasEnded, false);
});

test("a grant that the server has ended signs out, once", async (t) => {
  const { calls, session, store } = await signedIn(t);
  let ends = 0;
  session.onEnd = () => ends++;
  const failing = [session.renew("access 1"), session.renew("access 1")];
  calls[1]?.answer(400, { error: "invalid_grant" });
  for (const each of failing) await assert.rejects(each);
  await assert.rejects(session.token(), (err) => err instanceof Problem && err.status === 401);
  assert.equal(ends, 1);
  assert.equal(store.items.size, 0);
});

test("the token is renewed before it expires, although nothing asks for it", async (t) => {
  const { calls, session } = await signedIn(t);
  t.mock.timers.tick(3_570_001);
  assert.equal(calls[1]?.form["grant_type"], "refresh_token");
  calls[1]?.answer(200, grant(2));
  await settled();
  assert.equal(await session.token(), "access 2");
});

test("signing out revokes the refresh token and forgets everything, server or not", async (t) => {
  const { calls, session, store } = await signedIn(t);
  const leaving = session.signOut();
  await settled();
  assert.equal(session.isSignedIn, false);
  assert.equal(store.items.size, 0);
  assert.equal(calls[1]?.url, "/v1/oauth/revoke");
  assert.equal(calls[1]?.form["token"], "refresh 1");
  calls[1]?.fail();
  await leaving;
});

test("signing out during a renewal revokes what the renewal brought", async (t) => {
  const { calls, session } = await signedIn(t);
  const renewal = session.renew("access 1");
  const leaving = session.signOut();
  calls[1]?.answer(200, grant(2));
  await renewal;
  await settled();
  assert.equal(calls[2]?.form["token"], "refresh 2");
  calls[2]?.answer(200, {});
  await leaving;
  assert.equal(session.isSignedIn, false);
});

test("a reload goes on with the grant", async (t) => {
  const { store, request } = await signedIn(t);
  const reloaded = new Session(store, request);
  assert.equal(reloaded.isSignedIn, true);
  assert.equal(await reloaded.token(), "access 1");
});

test("a store that holds something else is nobody signed in", () => {
  for (const saved of ["", "{", "null", "[]", '{"access":"a"}', '{"expires":1}']) {
    const store = memory();
    store.setItem("rambla.session", saved);
    assert.equal(new Session(store, server().request).isSignedIn, false);
  }
});

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import type { TestContext } from "node:test";
import axe from "axe-core";
import { chromium, type Browser, type BrowserContextOptions, type Locator, type Page } from "playwright-core";
import { Link } from "./link.ts";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const shots = process.env["RAMBLA_SHOTS"] ?? "";

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** One person's browser, on a network of its own. */
export class Visitor {
  /** What the browser had to complain of: broken policies, errors of the page's own. */
  readonly complaints: string[] = [];

  private constructor(
    readonly page: Page,
    readonly link: Link,
  ) {
    page.on("pageerror", (err) => this.complaints.push(`${err}`));
    page.on("console", (message) => {
      // A cut network and a refused login are told on the console as well;
      // they are what the tests do, not what the page did.
      const isNetwork = /ERR_|WebSocket connection|WebSocket is already in|Failed to load resource/.test(message.text());
      if (message.type() === "error" && !isNetwork) this.complaints.push(message.text());
    });
  }

  /** A visit of test t, over when the test is. */
  static async arrive(t: TestContext, browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visitor> {
    const link = await Link.to(url);
    const context = await browser.newContext({ viewport: { width: 1100, height: 720 }, locale: "en-GB", ...options });
    context.setDefaultTimeout(10_000);
    const visitor = new Visitor(await context.newPage(), link);
    t.after(async () => {
      await context.close();
      link.close();
      assert.deepEqual(visitor.complaints, []);
    });
    await visitor.page.goto(link.url);
    return visitor;
  }

  async signIn(name: string, password = name): Promise<void> {
    await this.page.getByLabel("Name", { exact: true }).fill(name);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  /** Opens a context from the list and waits until it is live. */
  async enter(context: string): Promise<void> {
    await this.page.getByRole("navigation").getByRole("link", { name: new RegExp(`^${context}\\b`, "i") }).click();
    await this.page.getByRole("heading", { name: new RegExp(`^${context}$`, "i") }).waitFor();
    await this.connected();
  }

  /** Signs in and enters. */
  static async in(t: TestContext, browser: Browser, url: string, name: string, context: string, options: BrowserContextOptions = {}): Promise<Visitor> {
    const visitor = await Visitor.arrive(t, browser, url, options);
    await visitor.signIn(name);
    await visitor.enter(context);
    return visitor;
  }

  get box(): Locator {
    return this.page.getByLabel(/^Message to/);
  }

  get banner(): Locator {
    return this.page.getByText("Disconnected.");
  }

  /** The post or comment that contains part. */
  post(part: string): Locator {
    return this.page.locator(".post[data-id]").filter({ hasText: part }).last();
  }

  /** Chooses from the menu of a post. */
  async choose(part: string, choice: string | RegExp): Promise<void> {
    await this.post(part).getByRole("button", { name: "More actions" }).click();
    await this.page.getByRole("menu").getByText(choice).click();
  }

  /** Begins a conversation with people, by what they are called. */
  async converse(people: readonly string[], name = ""): Promise<void> {
    await this.page.getByRole("button", { name: "New conversation" }).click();
    const dialog = this.page.getByRole("dialog");
    for (const person of people) await dialog.getByRole("checkbox", { name: person }).check();
    if (name !== "") await dialog.getByLabel(/^Name of the group/).fill(name);
    await dialog.getByRole("button", { name: "Start" }).click();
    await this.page.getByLabel(`Message to ${name || people[0]}`).waitFor();
    await this.connected();
  }

  async write(content: string): Promise<void> {
    await this.box.fill(content);
    await this.box.press("Enter");
  }

  /** The messages shown that contain part, pending ones included. */
  messages(part: string): Locator {
    return this.page.getByRole("region", { name: "Messages" }).getByRole("listitem").filter({ hasText: part });
  }

  /** Waits until what was written has come back as a post of the stream. */
  async stored(part: string): Promise<void> {
    await this.page.locator(".post[data-seq]").filter({ hasText: part }).waitFor();
  }

  async connected(): Promise<void> {
    await this.banner.waitFor({ state: "hidden", timeout: 40_000 });
    await this.page.locator(".desk[data-connection=online]").waitFor();
  }

  /** What stands in the stream, in the order shown, of this run. */
  async read(mark: string): Promise<string[]> {
    const texts = await this.page.locator(".post .body").allInnerTexts();
    return texts.filter((text) => text.includes(mark));
  }

  /** Asks axe for what keeps people from using the page as it is now. */
  async examine(): Promise<void> {
    // Given to the page by the debugger, which its policy does not bind.
    await this.page.evaluate(axe.source);
    const found = await this.page.evaluate(async () => {
      const { axe } = window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { target: unknown; failureSummary?: string }[] }[] }> } };
      return (await axe.run()).violations.map((violation) => ({ id: violation.id, where: violation.nodes.map((node) => `${node.target} ${node.failureSummary}`) }));
    });
    assert.deepEqual(found, []);
  }

  async shoot(name: string): Promise<void> {
    if (shots === "") return;
    await mkdir(shots, { recursive: true });
    await this.page.screenshot({ path: `${shots}/${name}.png` });
  }

}

/** Asks the server without a browser. */
export async function rest(url: string, method: string, path: string, token: string, body?: unknown): Promise<Response> {
  return fetch(`${url}/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

export async function tokenOf(url: string, name: string): Promise<string> {
  const form = new URLSearchParams({ grant_type: "password", username: name, password: name });
  const answer = await fetch(`${url}/v1/oauth/token`, { method: "POST", body: form });
  const grant = (await answer.json()) as { access_token: string };
  assert.equal(answer.status, 200, JSON.stringify(grant));
  return grant.access_token;
}

interface StoredPost {
  id: string;
  seq: number;
  object: { content?: string };
}

/** The posts of this run that the server holds, oldest first. */
export async function stored(url: string, token: string, context: string, mark: string): Promise<StoredPost[]> {
  const answer = await rest(url, "GET", `/contexts/${context}/log/messages?limit=200`, token);
  const list = (await answer.json()) as { items: StoredPost[] };
  assert.equal(answer.status, 200, JSON.stringify(list));
  return list.items.filter((post) => post.object.content?.includes(mark)).reverse();
}

let count = 0;

/** Words that no other test and no earlier run has said. */
export function mark(): string {
  return `${Date.now().toString(36)}${process.pid.toString(36)}${++count}`;
}

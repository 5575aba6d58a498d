import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const binary = process.env["RAMBLA_BINARY"] ?? "../bin/rambla";

/** A server of the test's own, which it may kill. Its addresses and its data outlive it. */
export class Server {
  private process: ChildProcess | undefined;
  private log = "";
  readonly url: string;

  private constructor(
    private readonly data: string,
    private readonly ports: readonly number[],
  ) {
    this.url = `http://127.0.0.1:${ports[0]}`;
  }

  static async make(): Promise<Server> {
    return new Server(await mkdtemp(join(tmpdir(), "rambla-browser-")), await freePorts(3));
  }

  /** Starts and waits until it is ready. */
  async start(): Promise<void> {
    const [http, mqtt, admin] = this.ports.map((port) => `127.0.0.1:${port}`) as [string, string, string];
    const args = ["serve", "--demo", "--data", this.data, "--http", http, "--mqtt", mqtt, "--admin", admin];
    const started = spawn(binary, args, { env: { ...process.env, RAMBLA_ADMIN_PASSWORD: "admin-of-a-test" }, stdio: ["ignore", "pipe", "pipe"] });
    this.process = started;
    const hear = (bytes: Buffer) => (this.log = (this.log + bytes.toString()).slice(-20_000));
    started.stdout.on("data", hear);
    started.stderr.on("data", hear);
    const failed = new Promise<never>((_, reject) => {
      started.on("error", (err) => reject(new Error(`${binary}: ${err.message}`)));
      started.on("exit", (code, signal) => reject(new Error(`the server ended with ${code ?? signal}:\n${this.log}`)));
    });
    // After the start an end is the test's business.
    failed.catch(() => undefined);
    await Promise.race([this.ready(), failed]);
  }

  /** No goodbye to anybody: what the power does. */
  async kill(): Promise<void> {
    const { process } = this;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const ended = new Promise((resolve) => process.once("exit", resolve));
    process.kill("SIGKILL");
    await ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.data, { recursive: true, force: true });
  }

  private async ready(): Promise<void> {
    for (const until = Date.now() + 30_000; ; ) {
      const isReady = await fetch(`${this.url}/readyz`).then((answer) => answer.ok).catch(() => false);
      if (isReady) return;
      assert.ok(Date.now() < until, `the server did not become ready:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Held all at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => resolve(server));
    })),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

import { createServer, connect, type Server, type Socket } from "node:net";

/**
 * The network between a browser and the server, which a test can cut. It hands
 * bytes on and looks into none of them.
 */
export class Link {
  private readonly sockets = new Set<Socket>();
  private isUp = true;
  private isMute = false;
  private readonly server: Server;
  url = "";

  private constructor(private readonly target: URL) {
    this.server = createServer((near) => this.accept(near));
  }

  /** A link to the server at url, on a port of its own. */
  static async to(url: string): Promise<Link> {
    const link = new Link(new URL(url));
    await new Promise<void>((resolve) => link.server.listen(0, "127.0.0.1", resolve));
    const address = link.server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    link.url = `http://127.0.0.1:${address.port}`;
    return link;
  }

  /** Breaks every connection, and every new one until mend. */
  cut(): void {
    this.isUp = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.isUp = true;
    this.isMute = false;
  }

  /** The server still hears everything, and nothing that it says arrives. */
  mute(): void {
    this.isMute = true;
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  private accept(near: Socket): void {
    if (!this.isUp) {
      near.destroy();
      return;
    }
    const far = connect(Number(this.target.port || 80), this.target.hostname);
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      // A broken side breaks the other one too; that it broke is no news here.
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    near.on("data", (bytes) => void far.write(bytes));
    far.on("data", (bytes) => {
      if (!this.isMute) near.write(bytes);
    });
  }
}

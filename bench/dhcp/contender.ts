import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLink, type Link } from "./link.ts";
import { type MeasuredServer, type RunningServer, startServer } from "./servers.ts";

/** A server that runs, on a network of its own. */
export type Contender = {
  readonly server: MeasuredServer;
  readonly link: Link;
  readonly running: RunningServer;
};

/** Starts servers side by side, does something with them, and clears them away. */
export async function withContenders(
  servers: readonly MeasuredServer[],
  use: (contenders: readonly Contender[]) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-bench-dhcp-"));
  const contenders: Contender[] = [];
  const links: Link[] = [];
  try {
    for (const server of servers) {
      const link = createLink(server.name);
      links.push(link);
      const running = await startServer(server, link, join(directory, server.name));
      contenders.push({ server, link, running });
    }
    await use(contenders);
  } finally {
    for (const { running } of contenders) await running.stop();
    for (const link of links) link.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}

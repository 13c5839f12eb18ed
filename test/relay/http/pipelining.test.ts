import { once } from "node:events";
import { readdir, readlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";

import { Gate } from "../../../relay/http/gate.ts";
import { eventually } from "../../support/eventually.ts";
import { startFakeControlPlane, startRelayHttp } from "./fixture.ts";

const SCRIPT = "/boot/52-54-00-00-00-01/script.ipxe";

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
}

/** What this process has open below a folder. */
async function openFiles(folder: string): Promise<string[]> {
  const links = (await readdir("/proc/self/fd")).map((fd) =>
    // Some are gone by the time they are looked at.
    readlink(`/proc/self/fd/${fd}`).catch(() => ""),
  );
  return (await Promise.all(links))
    .filter((path) => path.startsWith(folder))
    .map((path) => path.slice(folder.length + 1));
}

test("a client that leaves with answers still queued behind a slow one gives back all that they hold", async () => {
  const gate = new Gate();
  const relay = await startRelayHttp(await startFakeControlPlane(() => undefined), { gate });
  await writeFile(join(relay.root, "large.efi"), Buffer.alloc(3 * 1024 * 1024, "x"));
  const socket = connect(relay.port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(get(SCRIPT) + get("/boot.ipxe") + get("/f/large.efi") + get("/a/x/preseed.cfg"));
  await eventually(async () => {
    expect(gate.inside.boot).toBe(4);
    expect(await openFiles(relay.root)).toContain("large.efi");
  });
  socket.destroy();
  await eventually(() => expect(gate.inside.boot).toBe(0));
  await eventually(async () => expect(await openFiles(relay.root)).not.toContain("large.efi"));
});

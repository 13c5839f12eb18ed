import { once } from "node:events";
import { writeFile } from "node:fs/promises";
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

test("a client that leaves with answers still queued behind a slow one gives all their places back", async () => {
  const gate = new Gate();
  const relay = await startRelayHttp(await startFakeControlPlane(() => undefined), { gate });
  await writeFile(join(relay.root, "large.efi"), Buffer.alloc(3 * 1024 * 1024, "x"));
  const socket = connect(relay.port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(get(SCRIPT) + get("/boot.ipxe") + get("/f/large.efi") + get("/a/x/preseed.cfg"));
  await eventually(() => expect(gate.inside.boot).toBe(4));
  socket.destroy();
  await eventually(() => expect(gate.inside.boot).toBe(0));
});

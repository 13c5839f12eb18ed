import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";

import { writeCredentials } from "../../relay/control-plane/credentials.ts";
import { SITE } from "../relay/control-plane/site-state.ts";
import { WireClient } from "../relay/dhcp/support/wire-client.ts";
import { startFakeSite } from "../relay/relay-fixture.ts";
import { openClient } from "../relay/tftp/client.ts";
import { pxedge } from "./pxedge-process.ts";
import { freePort, freeUdpPort } from "../support/lab/free-port.ts";

const BLOCK_BYTES = 512;
const BLOCKS = 40;
/** More than sockets hold, so that a client that does not read is in mid-file. */
const LARGE_BYTES = 32 * 1024 * 1024;
const MAC = "02:00:00:00:00:01";

/** A relay as a process on loopback, with its configuration in a file. */
async function startRelayProcess() {
  const plane = await startFakeSite();
  const dir = await mkdtemp(join(tmpdir(), "pxedge-reload-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await writeCredentials(dir, { url: plane.url, siteId: SITE.id, relayId: "r1", credential: "pxr_x" });
  await writeFile(join(dir, "boot.efi"), Buffer.alloc(BLOCKS * BLOCK_BYTES - 1, "b"));
  await writeFile(join(dir, "large.img"), Buffer.alloc(LARGE_BYTES, "l"));
  const ports = { http: await freePort(), tftp: await freePort(), admin: await freePort() };
  const dhcp = { server: await freeUdpPort(), client: await freeUdpPort() };
  const file = join(dir, "relay.yaml");
  const text = `controlPlane: { url: "${plane.url}" }
stateDir: ${dir}
interfaces:
  - name: lo
    dhcp:
      mode: server
      range: [127.77.0.50, 127.77.0.99]
      port: ${dhcp.server}
      clientPort: ${dhcp.client}
tftp: { root: ${dir}, port: ${ports.tftp} }
http: { port: ${ports.http} }
admin: { port: ${ports.admin} }
log: { level: info }
`;
  await writeFile(file, text);
  const relay = pxedge(["relay", "run", "--config", file]);
  await relay.said("the relay runs");
  const client = new WireClient(dhcp);
  onTestFinished(() => client.close());
  return { ...relay, ports, file, text, client };
}

/** A TFTP transfer that stands after its first block; what is returned takes it to its end. */
async function beginTransfer(port: number): Promise<() => Promise<number>> {
  const client = await openClient();
  onTestFinished(() => client.close());
  client.send({ kind: "rrq", filename: "boot.efi", mode: "octet", options: [] }, port);
  const first = await client.expect("data");
  const { port: transferPort } = first.from;
  let { packet } = first;
  return async () => {
    let bytes = packet.data.length;
    while (packet.data.length === BLOCK_BYTES) {
      client.send({ kind: "ack", block: packet.block }, transferPort);
      const { block } = packet;
      // What was sent again meanwhile is passed over.
      do packet = (await client.expect("data")).packet;
      while (packet.block === block);
      bytes += packet.data.length;
    }
    client.send({ kind: "ack", block: packet.block }, transferPort);
    return bytes;
  };
}

/** An HTTP download that stands in mid-file; what is returned takes it to its end. */
async function beginDownload(port: number): Promise<() => Promise<number>> {
  const request = get({ host: "127.0.0.1", port, path: "/f/large.img", agent: false });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return async () => {
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
    return bytes;
  };
}

test("SIGHUP takes over what may change, drops no transfer, and says what waits for a restart", async () => {
  const { child, said, file, text, ports, client } = await startRelayProcess();
  expect(await client.lease(MAC, "127.0.0.1")).toMatch(/^127\.77\.0\./);
  const transfer = await beginTransfer(ports.tftp);
  const download = await beginDownload(ports.http);

  const changed = text
    .replace("[127.77.0.50, 127.77.0.99]", "[127.77.1.50, 127.77.1.99]")
    .replace(`http: { port: ${ports.http} }`, "http: { port: 1, maxRate: 1Gbit/s }")
    .replace("level: info", "level: debug");
  await writeFile(file, changed);
  child.kill("SIGHUP");
  await said("these fields change when the relay is restarted");
  await said('"fields":["http.port"]');
  await said('"changed":["http.maxRate","log.level","interfaces.lo"],"msg":"the configuration was changed"');
  expect(await transfer()).toBe(BLOCKS * BLOCK_BYTES - 1);
  expect(await download()).toBe(LARGE_BYTES);
  expect(await client.lease("02:00:00:00:00:02", "127.0.0.1")).toMatch(/^127\.77\.1\./);
  const status = await pxedge(["relay", "status", "--config", file]).ended;
  expect(status.stdout).toContain("http.port was changed, and waits for a restart");
});

test("a file that cannot be used changes nothing, and is told by line and field", async () => {
  const { child, said, file, text, output, client } = await startRelayProcess();
  const wrong = [
    [text.replace("mode: server", "mode: servant"), `${file}:6: interfaces[0].dhcp.mode: is \\"servant\\"`],
    [
      text.replace("127.77.0.50", "10.0.0.50").replace("127.77.0.99", "10.0.0.99"),
      `${file}:7: interfaces[0].dhcp.range: `,
    ],
    [
      text.replace(
        "mode: server",
        "mode: server\n      subnets: [{ network: 10.20.0.0/16, range: [10.30.0.1, 10.30.0.9] }]",
      ),
      `${file}:7: interfaces[0].dhcp.subnets[0].range: `,
    ],
  ] as const;
  for (const [content, problem] of wrong) {
    await writeFile(file, content);
    child.kill("SIGHUP");
    await said(problem);
  }
  expect(output.stdout).toContain("the relay goes on with the one that it has");
  expect(output.stdout).not.toContain("the configuration was changed");
  expect(await client.lease(MAC, "127.0.0.1")).toMatch(/^127\.77\.0\./);
  await rm(file);
  child.kill("SIGHUP");
  await said(`${file} cannot be read`);
});

test("SIGTERM lets transfers end, answers no new ones, and loses no event", async () => {
  const { child, said, ports, ended, file } = await startRelayProcess();
  const transfer = await beginTransfer(ports.tftp);
  const download = await beginDownload(ports.http);
  child.kill("SIGTERM");
  await said('"stopping"');
  const late = await openClient();
  onTestFinished(() => late.close());
  late.send({ kind: "rrq", filename: "boot.efi", mode: "octet", options: [] }, ports.tftp);
  expect(await transfer()).toBe(BLOCKS * BLOCK_BYTES - 1);
  expect(await download()).toBe(LARGE_BYTES);
  // It hears nothing rather than an error: it asks again, and finds the relay that comes next.
  await late.silence(0);
  expect(await ended).toMatchObject({ code: 0, signal: null });
  expect(await readFile(file, "utf8")).toContain("stateDir");
});

test("a second SIGTERM cuts what is under way, and a third changes nothing", async () => {
  const { child, said, ports, ended } = await startRelayProcess();
  const download = beginDownload(ports.http).then((finish) => ({ finish }));
  const { finish } = await download;
  child.kill("SIGTERM");
  await said('"stopping"');
  child.kill("SIGTERM");
  child.kill("SIGTERM");
  expect(await ended).toMatchObject({ code: 0 });
  await expect(finish()).rejects.toThrow("aborted");
});

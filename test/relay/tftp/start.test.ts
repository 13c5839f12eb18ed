import { spawnSync } from "node:child_process";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bindError, TftpError } from "../../../relay/tftp/errors.ts";
import { createTftpServer, type TftpServerOptions } from "../../../relay/tftp/server.ts";
import { missingNeed } from "../net/needs.ts";
import { fetchFile, rrq } from "./client.ts";
import { startRig } from "./rig.ts";

const unused = () => undefined;
const OPTIONS: TftpServerOptions = {
  root: "/",
  address: "127.0.0.1",
  port: 0,
  mtuBytes: 1500,
  onEvent: unused,
  macOf: () => null,
  isServed: () => true,
  log: { debug: unused, info: unused, warn: unused, error: unused },
};

/** What `start` throws, told in one sentence. */
async function startError(options: Partial<TftpServerOptions>): Promise<TftpError> {
  const error = await createTftpServer({ ...OPTIONS, ...options })
    .start()
    .catch((error: unknown) => error);
  if (!(error instanceof TftpError)) throw new Error("started, or failed otherwise", { cause: error });
  expect(error.message).toMatch(/^[^\n]+\.$/);
  return error;
}

describe("a server that cannot start says what to do", () => {
  test("the port is taken", async () => {
    const rig = await startRig();
    expect(await startError({ root: rig.root, port: rig.port })).toMatchObject({
      code: "tftp-port-in-use",
      message: expect.stringContaining(`ss -lunp sport = :${rig.port}`),
    });
  });

  test("the address is another host's", async () => {
    expect(await startError({ address: "198.51.100.7" })).toMatchObject({ code: "tftp-address" });
  });

  test("T47 the address is none in particular", async () => {
    expect(await startError({ address: "0.0.0.0" })).toMatchObject({ code: "tftp-address" });
  });

  test("port 69 is denied", () => {
    const denied = Object.assign(new Error("bind EACCES"), { code: "EACCES" });
    expect(bindError("192.168.77.1", 69, denied)).toMatchObject({
      code: "tftp-port-denied",
      message:
        "TFTP cannot listen on 192.168.77.1:69 (EACCES): ports below 1024 need CAP_NET_BIND_SERVICE, so run it by the systemd unit in deploy/ or as root, or set tftp.port.",
    });
  });

  const missing = missingNeed({ root: true, programs: ["/usr/bin/setpriv", "/usr/bin/unshare"] });
  const suffix = missing ? ` (${missing})` : "";
  test.skipIf(missing)(`port 69 is denied, by the kernel itself${suffix}`, () => {
    const script = `
      import { createTftpServer } from "${join(import.meta.dirname, "../../../relay/tftp/server.ts")}";
      const unused = () => undefined;
      const log = { debug: unused, info: unused, warn: unused, error: unused };
      const server = createTftpServer({ root: "/", address: "127.0.0.1", port: 69, mtuBytes: 1500,
        onEvent: unused, macOf: () => null, isServed: () => true, log });
      await server.start().then(() => console.log("started"), (error) => console.log(error.code));
      await server.stop();`;
    // In a namespace of its own, where the threshold is the kernel's default whatever the host's is.
    const run = spawnSync(
      "/usr/bin/unshare",
      [
        "--net",
        "sh",
        "-c",
        'ip link set lo up && exec setpriv --reuid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "$@"',
        "sh",
        process.execPath,
        "--input-type=module-typescript",
        "--eval",
        script,
      ],
      { encoding: "utf8" },
    );
    expect([run.stdout.trim(), run.stderr]).toEqual(["tftp-port-denied", expect.any(String)]);
  });
});

test("a root that is missing is told with what to do, and served once it is there", async () => {
  const rig = await startRig({ files: { "a.efi": "old" } });
  const away = `${rig.root}-away`;
  await rename(rig.root, away);
  const client = await rig.client();
  client.send(rrq("a.efi"), rig.port);
  expect((await client.expect("error")).packet).toMatchObject({ code: 0 });
  expect(rig.events).toMatchObject([{ name: "refused", detail: { reason: "root-unusable" } }]);
  expect(rig.log[0]).toMatchObject({
    level: "warn",
    message: `tftp: The folder of boot files ${rig.root} does not exist: install the package ipxe, or set tftp.root in relay.yaml to the folder that holds them.`,
  });
  await rename(away, rig.root);
  expect(await fetchFile(await rig.client(), rig.port, rrq("a.efi"))).toHaveLength(3);
});

test("a server stops with transfers running, and can be started anew", async () => {
  const rig = await startRig({ files: { "a.efi": new Uint8Array(5_000) } });
  const client = await rig.client();
  client.send({ kind: "rrq", filename: "a.efi", mode: "octet", options: [] }, rig.port);
  await client.expect("data");
  await rig.server.stop();
  expect(rig.server.stats().active).toBe(0);
  expect(rig.events).toMatchObject([{ name: "failed", detail: { reason: "the relay stopped" } }]);
  const { port } = await rig.server.start();
  client.send({ kind: "rrq", filename: "nope", mode: "octet", options: [] }, port);
  let answer = await client.next();
  while (answer.packet.kind === "data") answer = await client.next();
  expect(answer.packet).toMatchObject({ kind: "error", code: 1 });
});

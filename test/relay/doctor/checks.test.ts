import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { writeCredentials } from "../../../relay/control-plane/credentials.ts";
import { checkBootFiles, readIpxeVersion } from "../../../relay/doctor/boot-files.ts";
import { checkControlPlane } from "../../../relay/doctor/control-plane.ts";
import { checkAdminPort, checkInterface } from "../../../relay/doctor/interfaces.ts";
import { checkStateDir } from "../../../relay/doctor/state-dir.ts";
import { parseRelayConfig } from "../../../relay/config/parse.ts";
import { lockStateDir } from "../../../relay/state-dir-lock.ts";
import { makeFolder, startFakeControlPlane } from "../control-plane/fixture.ts";
import { SITE, state } from "../control-plane/site-state.ts";
import { missingNeed } from "../net/needs.ts";
import { freeUdpPort } from "../../support/lab/free-port.ts";

const SNPONLY = "/usr/lib/ipxe/snponly.efi";

async function joined(url: string): Promise<string> {
  const folder = await makeFolder();
  await writeCredentials(folder, { url, siteId: SITE.id, relayId: "r1", credential: "pxr_x" });
  return folder;
}

test("a control plane that answers and accepts, and a clock that agrees", async () => {
  const plane = await startFakeControlPlane(() => ({ body: state({}) }));
  const { findings } = await checkControlPlane(plane.url, await joined(plane.url), Date.now);
  expect(findings.map(({ check, status }) => [check, status])).toEqual([
    ["control plane", "ok"],
    ["clock", "ok"],
    ["credentials", "ok"],
  ]);
});

test("a clock that is far off is told, and which way", async () => {
  const plane = await startFakeControlPlane(() => ({ body: state({}) }));
  const { findings } = await checkControlPlane(
    plane.url,
    await joined(plane.url),
    () => Date.now() - 3_600_000,
  );
  expect(findings[1]).toMatchObject({
    check: "clock",
    status: "warning",
    detail: expect.stringMatching(/^is 3(?:59\d|60\d) s behind/),
  });
});

test.each([
  ["revoked", { status: 401 }, /refuses them/],
  ["answered with an error", { status: 503 }, /answered 503/],
])("credentials that are %s", async (_, answer, detail) => {
  const plane = await startFakeControlPlane(() => answer);
  const { findings } = await checkControlPlane(plane.url, await joined(plane.url), Date.now);
  expect(findings.at(-1)).toMatchObject({ check: "credentials", status: "problem" });
  expect(findings.at(-1)!.detail).toMatch(detail);
});

test("no credentials, and no control plane", async () => {
  const plane = await startFakeControlPlane(() => ({}));
  const missing = (await checkControlPlane(plane.url, await makeFolder(), Date.now)).findings.at(-1);
  expect(missing).toMatchObject({
    status: "problem",
    advice: expect.stringContaining("pxedge relay join --url"),
  });

  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  const [unreachable, ...more] = (
    await checkControlPlane(`http://127.0.0.1:${port}`, await makeFolder(), Date.now)
  ).findings;
  expect(unreachable).toMatchObject({ status: "problem", detail: expect.stringContaining("ECONNREFUSED") });
  expect(more).toEqual([]);
});

test("the state folder: in use, readable by others, not a folder", async () => {
  const folder = await joined("http://x.example");
  expect(await checkStateDir(folder)).toMatchObject({ relayRuns: false });
  const release = lockStateDir(folder);
  onTestFinished(release);
  await chmod(join(folder, "credentials.json"), 0o644);
  const { findings, relayRuns } = await checkStateDir(folder);
  expect(relayRuns).toBe(true);
  expect(findings.at(-1)).toMatchObject({
    check: "credentials",
    status: "warning",
    advice: expect.stringContaining("chmod 600"),
  });

  const file = join(folder, "file");
  await writeFile(file, "");
  expect((await checkStateDir(file)).findings).toMatchObject([{ check: "state folder", status: "problem" }]);
});

test("boot files: the first that is there, and what lacks", async () => {
  const folder = await makeFolder();
  await writeFile(join(folder, "ipxe.efi"), "no iPXE");
  const findings = await checkBootFiles(folder, {
    bios: ["undionly.kpxe"],
    "efi-x86_64": ["snponly.efi", "ipxe.efi"],
    "efi-arm64": ["ipxe-arm64.efi"],
  });
  expect(findings).toMatchObject([
    { check: "boot file for bios", status: "problem", advice: expect.stringContaining("undionly.kpxe") },
    { check: "boot file for efi-x86_64", status: "ok", detail: "ipxe.efi" },
    { check: "boot file for efi-arm64", status: "warning" },
  ]);
  expect(await checkBootFiles(join(folder, "none"), {})).toMatchObject([
    { status: "problem", advice: expect.stringContaining("package ipxe") },
  ]);
});

const lack = missingNeed({ programs: [SNPONLY] });
test.skipIf(lack !== undefined)("the version of a real iPXE is read", async () => {
  expect(readIpxeVersion(await readFile(SNPONLY))).toMatch(/^\d+\.\d+\.\d+/);
});

test("an interface that is not there, and ports that are taken", async () => {
  const folder = await makeFolder();
  await mkdir(join(folder, "tftp"));
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  onTestFinished(() => void holder.close());
  const { port } = holder.address() as { port: number };
  const tftp = await freeUdpPort();
  const config = parseRelayConfig(
    `controlPlane: { url: "http://x.example" }
stateDir: ${folder}
interfaces:
  - { name: lo, dhcp: { mode: off } }
  - { name: none0, dhcp: { mode: off } }
tftp: { root: ${folder}/tftp, port: ${tftp} }
http: { port: ${port} }
`,
    "relay.yaml",
  );
  const options = { config, relayRuns: false, xid: 1 };
  expect(await checkInterface(config.interfaces[0]!, options)).toMatchObject([
    { check: "interface lo", status: "ok" },
    { check: `UDP port ${tftp} on lo`, status: "ok" },
    { check: `TCP port ${port} on lo`, status: "problem", detail: "is taken by another process" },
  ]);
  expect(await checkAdminPort({ address: "127.0.0.1", port })).toMatchObject({
    check: `TCP port ${port} on 127.0.0.1`,
    status: "warning",
    advice: expect.stringContaining("admin.port"),
  });
  expect(await checkInterface(config.interfaces[1]!, options)).toMatchObject([
    { check: "interface none0", status: "problem", detail: expect.stringContaining("there is no interface") },
  ]);
});

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import { run, startChild, type Child } from "../support/lab/child.ts";
import { DEBIAN_HOST_NEEDS, installOnDebian } from "../support/lab/debian-host.ts";
import { freePort } from "../support/lab/free-port.ts";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));
const BUILD_MS = 180_000;
const UNIT = "usr/lib/systemd/system/pxedge-relay.service";

const directory = mkdtempSync(join(tmpdir(), "pxedge-built-"));
afterAll(() => rmSync(directory, { recursive: true }));

function build(script: string): string {
  const path = join(CHECKOUT, "deploy/relay", script);
  return execFileSync(process.execPath, [path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

let deb: string | undefined;

/** The package of what `beforeAll` has built, made once. */
function builtPackage(): string {
  return (deb ??= build("build-package.ts").split("  ")[0]!);
}

/** Serves loopback, with a control plane that never answers. */
async function writeConfig(file: string, stateDir: string): Promise<{ http: number; admin: number }> {
  const [tftp, http, admin] = [
    await freePort("127.0.0.1"),
    await freePort("127.0.0.1"),
    await freePort("127.0.0.1"),
  ];
  writeFileSync(
    file,
    `controlPlane: { url: "http://127.0.0.1:1" }
stateDir: ${stateDir}
interfaces: [{ name: lo, dhcp: { mode: off } }]
tftp: { root: /tmp, port: ${tftp} }
http: { port: ${http} }
admin: { port: ${admin} }
`,
  );
  return { http, admin };
}

const CREDENTIALS = JSON.stringify({
  url: "http://127.0.0.1:1",
  siteId: "s1",
  relayId: "r1",
  credential: "pxr_x",
});

/** Built once, and moved away from the checkout's node_modules. */
const programs: Record<string, [string, ...string[]]> = {};

beforeAll(() => {
  build("build-relay.ts");
  cpSync(join(CHECKOUT, "dist/relay"), join(directory, "relay"), { recursive: true });
  programs["the single file"] = [process.execPath, join(directory, "relay/pxedge-relay.cjs")];
  build("build-executable.ts");
  programs["the single executable"] = [join(directory, "pxedge-relay")];
  cpSync(join(CHECKOUT, "dist/relay-executable/pxedge-relay"), join(directory, "pxedge-relay"));
}, BUILD_MS);

describe.each(["the single file", "the single executable"])("%s", (name) => {
  const at = () => programs[name]!;

  test("is the relay's commands, and no others", () => {
    const [program, ...args] = at();
    const help = execFileSync(program, [...args, "relay", "--help"], { env: {}, encoding: "utf8" });
    for (const command of ["join", "run", "status", "doctor"]) expect(help).toContain(`  ${command} `);
    const { version } = JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8"));
    expect(execFileSync(program, [...args, "--version"], { env: {}, encoding: "utf8" })).toBe(`${version}\n`);
  });

  test("runs, with the native sockets that it needs, until SIGTERM", async () => {
    const folder = mkdtempSync(join(directory, "site-"));
    const config = join(folder, "relay.yaml");
    const { http } = await writeConfig(config, folder);
    writeFileSync(join(folder, "credentials.json"), CREDENTIALS);
    const [program, ...args] = at();
    const child = spawn(program, [...args, "relay", "run", "--config", config], { env: {} });
    onTestFinished(() => void child.kill("SIGKILL"));
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    }
    const exited = once(child, "close");
    await expect.poll(() => output, { timeout: 30_000 }).toContain("the relay runs");
    expect(await (await fetch(`http://127.0.0.1:${http}/boot.ipxe`)).text()).toMatch(/^#!ipxe/);
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
    expect(output).not.toContain("Warning");
  });
});

const ANALYZE = "/usr/bin/systemd-analyze";
const missing = missingNeed({ programs: [ANALYZE, "/usr/bin/dpkg-deb"] });

describe.skipIf(missing !== undefined)("the package", () => {
  const tree = join(directory, "package");
  beforeAll(() => {
    mkdirSync(tree);
    execFileSync("dpkg-deb", ["--extract", builtPackage(), tree]);
    // What systemd looks for beside a unit is of Debian's own package.
    for (const target of ["network.target", "multi-user.target", "sysinit.target", "basic.target"]) {
      writeFileSync(join(tree, "usr/lib/systemd/system", target), "[Unit]\nDescription=a target\n");
    }
    writeFileSync(join(tree, "usr/bin/kill"), "", { mode: 0o755 });
  }, BUILD_MS);

  test("systemd finds nothing wrong with its unit", () => {
    const verify = ["verify", "--man=no", `--root=${tree}`, "pxedge-relay.service"];
    expect(execFileSync(ANALYZE, verify, { encoding: "utf8", stdio: "pipe" })).toBe("");
  });

  test("and little that it exposes: 2.0 of 10 at most", () => {
    // Fails above its threshold, which is in tenths.
    execFileSync(ANALYZE, ["security", "--offline=true", "--threshold=20", join(tree, UNIT)], {
      stdio: "pipe",
    });
    expect(readFileSync(join(tree, UNIT), "utf8")).toContain("AmbientCapabilities=CAP_NET_BIND_SERVICE\n");
  });

  test("brings what its unit names", () => {
    const [, command] = /^ExecStart=(.*)$/m.exec(readFileSync(join(tree, UNIT), "utf8"))!;
    for (const path of command!.split(" ").filter((word) => word.startsWith("/"))) {
      expect(existsSync(join(tree, path)), path).toBe(true);
    }
  });
});

const lacks = missingNeed({ root: true, programs: [...DEBIAN_HOST_NEEDS, "/usr/bin/dpkg-deb"] });

test.skipIf(lacks !== undefined)(
  "the package: an upgrade keeps what the relay has, a removal what is its owner's, a purge nothing",
  async () => {
    const debian = await installOnDebian(builtPackage(), join(directory, "debian"));
    const inside = async (...args: string[]): Promise<string> => {
      const [program, ...rest] = debian.inside(...args);
      return await run(program, rest);
    };
    const at = (path: string): string => join(debian.root, path);
    const enabled = at("etc/systemd/system/multi-user.target.wants/pxedge-relay.service");
    const isEnabled = () => lstatSync(enabled, { throwIfNoEntry: false }) !== undefined;
    const isMasked = () =>
      lstatSync(at("etc/systemd/system/pxedge-relay.service"), { throwIfNoEntry: false }) !== undefined;
    expect(isEnabled()).toBe(true);

    // Its owner changes the configuration, joins, and wants to start it by hand.
    const config = at("etc/pxedge/relay.yaml");
    const { http, admin } = await writeConfig(config, "/var/lib/pxedge");
    const configured = readFileSync(config, "utf8");
    writeFileSync(at("var/lib/pxedge/credentials.json"), CREDENTIALS, { mode: 0o600 });
    await inside("chown", "pxedge:pxedge", "/var/lib/pxedge/credentials.json");
    rmSync(enabled);
    const served = async (): Promise<{ relay: Child; waiting: number }> => {
      const [program, ...args] = debian.service();
      const relay = await startChild(program, args);
      onTestFinished(() => relay.stop());
      await expect.poll(() => relay.output(), { timeout: 30_000 }).toContain("the relay runs");
      const status = await (await fetch(`http://127.0.0.1:${admin}/status`)).json();
      return { relay, waiting: (status as { journal: { waiting: number } }).journal.waiting };
    };
    const before = await served();
    expect(before.waiting).toBe(0);
    expect((await fetch(`http://127.0.0.1:${http}/boot.ipxe`)).status).toBe(200);
    await before.relay.stop(30_000);
    const owner = await inside("stat", "-c", "%u %a", "/var/lib/pxedge");

    // The next release.
    const next = join(directory, "next");
    execFileSync("dpkg-deb", ["--raw-extract", builtPackage(), next]);
    const control = join(next, "DEBIAN/control");
    writeFileSync(control, readFileSync(control, "utf8").replace(/^Version: .*$/m, "Version: 99.1"));
    const newer = join(directory, "newer.deb");
    execFileSync("dpkg-deb", ["--build", "--root-owner-group", "-Znone", next, newer], { stdio: "pipe" });
    await debian.install(newer);
    expect(await inside("dpkg-query", "-W", "-f", "${Version}", "pxedge-relay")).toBe("99.1");
    expect(readFileSync(config, "utf8")).toBe(configured);
    expect(await inside("stat", "-c", "%u %a", "/var/lib/pxedge")).toBe(owner);
    expect(isEnabled()).toBe(false);
    const after = await served();
    // What it served before the upgrade is still to be told.
    expect(after.waiting).toBe(1);
    await after.relay.stop(30_000);

    await inside("dpkg", "--remove", "pxedge-relay");
    expect(existsSync(at("usr/lib/pxedge"))).toBe(false);
    expect(readFileSync(config, "utf8")).toBe(configured);
    expect(existsSync(at("var/lib/pxedge/journal.db"))).toBe(true);
    expect(await inside("getent", "passwd", "pxedge")).toContain(":/var/lib/pxedge:");
    expect(isMasked()).toBe(true);

    await debian.install(newer);
    expect(readFileSync(config, "utf8")).toBe(configured);
    expect([isMasked(), isEnabled()]).toEqual([false, false]);
    expect(await inside("pxedge", "--version")).toMatch(/^\d+\./);

    await inside("dpkg", "--purge", "pxedge-relay");
    expect(await inside("find", "/", "-xdev", "-name", "*pxedge*")).toBe("");
    await expect(inside("getent", "passwd", "pxedge")).rejects.toThrow("ended with 2");
  },
  BUILD_MS,
);

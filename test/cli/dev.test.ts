import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, expect, test } from "vitest";

const PXEDGE = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const CONTROL_PLANE_PORT = 7710;

const directory = mkdtempSync(join(tmpdir(), "pxedge-dev-"));
afterAll(() => rmSync(directory, { recursive: true }));

type Run = { child: ChildProcess; output: () => string; exited: Promise<number | null> };

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill("SIGTERM");
});

function startDev(...args: string[]): Run {
  const child = spawn(process.execPath, [PXEDGE, "dev", "--state-dir", join(directory, "state"), ...args]);
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  running.add(child);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  void exited.then(() => running.delete(child));
  return { child, output: () => text, exited };
}

/** Processes below one, by what /proc tells. */
function descendants(pid: number): number[] {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1]) === pid;
      } catch {
        return false; // It ended meanwhile.
      }
    })
    .map(Number);
  return [...children, ...children.flatMap(descendants)];
}

test("one boot through every layer; a second start on the same state does it again", async () => {
  for (const joined of ["with a one-time token", "joined before"]) {
    const run = startDev("--once");
    expect(await run.exited, run.output()).toBe(0);
    expect(run.output()).toContain(joined);
    const steps = [...run.output().matchAll(/✓ (\S+)/g)].map((match) => match[1]);
    const network = ["dhcp-offer", "dhcp-ack", "tftp-boot-file", "ipxe-dhcp-offer", "ipxe-dhcp-ack"];
    const install = ["boot-ipxe", "script-ipxe", "kernel-head", "initrd", "answer-file", "installed"];
    const localBoot = ["boot-ipxe", "script-ipxe", "local-boot"];
    expect(steps.slice(steps.indexOf("arm"))).toEqual([
      "arm",
      ...network,
      ...install,
      ...network,
      ...localBoot,
      "attempt",
    ]);
  }
});

test("stays up until it is interrupted, serves what dev.env says, and leaves no process behind", async () => {
  const run = startDev();
  await expect.poll(run.output, { timeout: 60_000 }).toContain("until Ctrl-C");
  const children = descendants(run.child.pid!);
  expect(children.length).toBeGreaterThan(0);

  const lines = readFileSync(join(directory, "state/dev.env"), "utf8").trim().split("\n");
  const env = Object.fromEntries(lines.map((line) => line.split("=", 2) as [string, string]));
  expect(Object.keys(env)).toEqual(["PXEDGE_URL", "PXEDGE_TOKEN", "RELAY_HTTP", "RELAY_DHCP", "RELAY_TFTP"]);
  expect(await (await fetch(`${env["RELAY_HTTP"]}/boot.ipxe`)).text()).toMatch(/^#!ipxe\n/);
  const sites = await fetch(`${env["PXEDGE_URL"]}/api/v1/sites`, {
    headers: { authorization: `Bearer ${env["PXEDGE_TOKEN"]}` },
  });
  expect(await sites.json()).toMatchObject({ items: [{ name: "dev" }] });

  run.child.kill("SIGINT");
  expect(await run.exited).toBe(0);
  const left = () => children.filter((pid) => readdirSync("/proc").includes(String(pid)));
  await expect.poll(left, { timeout: 5_000 }).toEqual([]);
});

test("a taken port is a clear error, and a failed step is named", async () => {
  const holder = createServer().listen(CONTROL_PLANE_PORT, "127.0.0.1");
  try {
    const run = startDev("--once");
    expect(await run.exited).toBe(1);
    expect(run.output()).toContain("step control-plane failed: port 7710 on 127.0.0.1 is taken");
  } finally {
    holder.close();
  }
});

test("wrong use is 2, with help", async () => {
  const run = startDev("--twice");
  expect(await run.exited).toBe(2);
  expect(run.output()).toContain("unknown option '--twice'");
  expect(run.output()).toContain("--help shows options and examples");
});

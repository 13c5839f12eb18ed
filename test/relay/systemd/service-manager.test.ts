import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { connectServiceManager } from "../../../relay/systemd/service-manager.ts";
import { missingNeed } from "../net/needs.ts";

const SOCAT = "/usr/bin/socat";
const missing = missingNeed({ programs: [SOCAT] });

/** A socket as systemd's, read by socat; tells what came so far. */
async function listen(address: string): Promise<() => string> {
  const socat = spawn(SOCAT, ["-u", "-d", "-d", address, "-"], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void socat.kill());
  let output = "";
  let log = "";
  socat.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  socat.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  await expect.poll(() => log, { timeout: 10_000 }).toContain("starting data transfer loop");
  return () => output;
}

test.skipIf(missing).each([
  ["a path", (path: string) => `UNIX-RECV:${path}`, (path: string) => path],
  ["an abstract name", (path: string) => `ABSTRACT-RECV:${path}`, (path: string) => `@${path}`],
])("systemd hears READY, WATCHDOG and STOPPING by %s", async (_, address, name) => {
  const folder = mkdtempSync(join(tmpdir(), "pxedge-notify-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "notify");
  const heard = await listen(address(path));
  const env = { NOTIFY_SOCKET: name(path), WATCHDOG_USEC: "100000", WATCHDOG_PID: String(process.pid) };
  const manager = connectServiceManager(env, process.pid, { error: () => undefined });
  manager.ready();
  await expect.poll(heard, { timeout: 10_000 }).toContain("READY=1");
  await expect.poll(heard, { timeout: 10_000 }).toContain("WATCHDOG=1");
  manager.stopping();
  await expect.poll(heard, { timeout: 10_000 }).toContain("STOPPING=1");
});

test("nobody is told where systemd did not start it", () => {
  const log = { error: () => expect.unreachable("there is nobody to tell") };
  const manager = connectServiceManager({}, process.pid, log);
  manager.ready();
  manager.stopping();
});

test("a socket that is not there is logged, and nothing is thrown", () => {
  const logged: unknown[] = [];
  const recorder = { error: (...args: unknown[]) => void logged.push(args) };
  const manager = connectServiceManager({ NOTIFY_SOCKET: "/nonexistent/notify" }, process.pid, recorder);
  manager.ready();
  expect(logged).toEqual([
    [{ reason: "no such file or directory", path: "/nonexistent/notify" }, "systemd cannot be told"],
  ]);
});

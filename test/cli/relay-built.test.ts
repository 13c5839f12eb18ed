import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
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
    const ports = [await freePort("127.0.0.1"), await freePort("127.0.0.1"), await freePort("127.0.0.1")];
    const [tftp, http, admin] = ports;
    writeFileSync(
      config,
      `controlPlane: { url: "http://127.0.0.1:1" }
stateDir: ${folder}
interfaces: [{ name: lo, dhcp: { mode: off } }]
tftp: { root: ${folder}, port: ${tftp} }
http: { port: ${http} }
admin: { port: ${admin} }
`,
    );
    const credentials = { url: "http://127.0.0.1:1", siteId: "s1", relayId: "r1", credential: "pxr_x" };
    writeFileSync(join(folder, "credentials.json"), JSON.stringify(credentials));
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
    const [deb] = build("build-package.ts").split("  ") as [string];
    mkdirSync(tree);
    execFileSync("dpkg-deb", ["--extract", deb, tree]);
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

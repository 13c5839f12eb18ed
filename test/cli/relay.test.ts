import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";

import { startFakeControlPlane } from "../relay/control-plane/fixture.ts";
import { SITE, state } from "../relay/control-plane/site-state.ts";
import { pxedge } from "./pxedge-process.ts";
import { freePort } from "../support/lab/free-port.ts";

async function makeFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "pxedge-cli-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

describe("relay join and relay run", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("joins, runs, and %s ends it cleanly with 0", async (signal) => {
    const plane = await startFakeControlPlane(({ url }) =>
      url === "/api/v1/relays/join"
        ? {
            status: 201,
            body: { siteId: SITE.id, siteName: SITE.name, relayId: "r1", credential: "pxr_secret" },
          }
        : { body: state({}) },
    );
    const dir = await makeFolder();
    const joined = await pxedge([
      "relay",
      "join",
      "--url",
      `${plane.url}/`,
      "--token",
      "pxj_t",
      "--state-dir",
      dir,
    ]).ended;
    expect(joined).toMatchObject({ code: 0, stderr: "" });
    expect(joined.stdout).toBe(`joined site berlin as relay r1; credentials are in ${dir}\n`);
    expect(joined.stdout).not.toContain("secret");

    const config = join(dir, "relay.yaml");
    await writeFile(
      config,
      `controlPlane: { url: "${plane.url}" }
stateDir: ${dir}
interfaces: [{ name: lo, dhcp: { mode: off } }]
tftp: { root: ${dir}, port: ${await freePort()} }
http: { port: ${await freePort()} }
admin: { port: ${await freePort()} }
`,
    );
    const { child, ended, said } = pxedge(["relay", "run", "--config", config]);
    await said("the relay runs");
    child.kill(signal);
    const result = await ended;
    expect(result).toMatchObject({ code: 0, signal: null, stderr: "" });
    const messages = result.stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages.slice(-3)).toEqual(["the relay runs", "stopping", "stopped"]);
  });

  test("a wrong configuration: every problem on standard error, and 1", async () => {
    const config = join(await makeFolder(), "relay.yaml");
    await writeFile(config, 'controlPlane: { url: "x" }\ninterfaces: []\nfrobnicate: 1\n');
    const { code, stderr, stdout } = await pxedge(["relay", "run", "--config", config]).ended;
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain(`${config}:1: controlPlane.url: must be`);
    expect(stderr).toContain(`${config}:2: interfaces: must name`);
    expect(stderr).toContain(`${config}:3: frobnicate: is not known`);
    expect(stderr).not.toContain("    at ");
  });

  test("a token that is refused: one sentence, and 1", async () => {
    const plane = await startFakeControlPlane(() => ({ status: 401 }));
    const dir = await makeFolder();
    const { code, stderr } = await pxedge([
      "relay",
      "join",
      "--url",
      plane.url,
      "--token",
      "pxj_old",
      "--state-dir",
      dir,
    ]).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^pxedge: the control plane refuses the join token.*\n$/);
    expect(stderr).not.toContain("pxj_old");
  });

  test.each([
    [["relay", "run"]],
    [["relay", "join", "--url", "http://x"]],
    [["relay", "join", "--url", "ftp://x", "--token", "t"]],
    [["relay", "frobnicate"]],
    [["relay", "run", "--config", "x", "--frobnicate"]],
  ])("wrong use ends with 2: %j", async (args) => {
    const { code, stderr } = await pxedge(args).ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: /);
  });
});

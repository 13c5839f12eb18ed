import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

import { ask } from "../relay/http/fixture.ts";
import { SITE, state } from "../relay/control-plane/site-state.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { createTestChain } from "../support/lab/certificates.ts";
import { pxedge } from "./pxedge-process.ts";
import { freePort } from "../support/lab/free-port.ts";

const TINYPROXY = "/usr/bin/tinyproxy";
const need = missingNeed({ programs: [TINYPROXY, "/usr/bin/openssl"] });

/** Where the control plane is: no address of this host that goes without a proxy. */
const CONTROL_PLANE = "127.0.0.2";
/** Where what comes from the proxy comes from. */
const FROM_PROXY = "127.0.0.9";

async function makeFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "pxedge-proxy-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A control plane with a certificate of a private CA; tells who asked for what. */
async function startPrivateControlPlane(dir: string) {
  const chain = await createTestChain(join(dir, "ca"), CONTROL_PLANE);
  const asked: { path: string; from: string | undefined }[] = [];
  const server = createServer({ key: chain.key, cert: chain.certificates }, (request, response) => {
    request.resume();
    const path = request.url!.split("?")[0]!;
    asked.push({ path, from: request.socket.remoteAddress });
    if (path === "/api/v1/relays/join") {
      response.statusCode = 201;
      const joined = { siteId: SITE.id, siteName: SITE.name, relayId: "r1", credential: "pxr_secret" };
      response.end(JSON.stringify(joined));
    } else if (path === "/relay/v1/state") response.end(JSON.stringify(state({})));
    else if (path === "/relay/v1/events") response.end(JSON.stringify({ accepted: 1, rejected: [] }));
    else response.end("#!ipxe\n# from the control plane\n");
  });
  server.listen(0, CONTROL_PLANE);
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `https://${CONTROL_PLANE}:${port}`, rootFile: chain.rootFile, asked };
}

async function startTinyproxy(dir: string): Promise<string> {
  const port = await freePort();
  const config = join(dir, "tinyproxy.conf");
  await writeFile(config, `Port ${port}\nListen 127.0.0.1\nBind ${FROM_PROXY}\nTimeout 60\nMaxClients 50\n`);
  const child = spawn(TINYPROXY, ["-d", "-c", config], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (log += chunk.toString()));
  await expect.poll(() => log, { timeout: 10_000 }).toContain("Accepting connections");
  return `http://127.0.0.1:${port}`;
}

test.skipIf(need !== undefined)(
  "a relay joins, runs and forwards by HTTPS_PROXY and a private CA; nothing goes past the proxy",
  async () => {
    const dir = await makeFolder();
    const plane = await startPrivateControlPlane(dir);
    const proxy = await startTinyproxy(dir);
    const env = { HTTPS_PROXY: proxy, NODE_EXTRA_CA_CERTS: plane.rootFile };
    const args = ["--url", plane.url, "--token", "pxj_t", "--state-dir", dir];
    expect(await pxedge(["relay", "join", ...args], env).ended).toMatchObject({ code: 0, stderr: "" });

    const ports = { http: await freePort(), tftp: await freePort(), admin: await freePort() };
    const config = join(dir, "relay.yaml");
    await writeFile(
      config,
      `controlPlane: { url: "${plane.url}", decisionSeconds: 10 }
stateDir: ${dir}
interfaces: [{ name: lo, dhcp: { mode: off } }]
tftp: { root: ${dir}, port: ${ports.tftp} }
http: { port: ${ports.http} }
admin: { port: ${ports.admin} }
`,
    );
    const { said, child, ended } = pxedge(["relay", "run", "--config", config], env);
    await said("the relay runs");
    const script = await ask(`http://127.0.0.1:${ports.http}/boot/52-54-00-00-00-01/script.ipxe`);
    expect(script).toMatchObject({ status: 200, body: expect.stringContaining("# from the control plane") });
    const status = await pxedge(["relay", "status", "--config", config], env).ended;
    expect(status).toMatchObject({ code: 0, stderr: "" });
    expect(status.stdout).toMatch(/^healthy\n[^]*control plane +https:\/\/127\.0\.0\.2:\d+: reachable/);
    child.kill("SIGTERM");
    await ended;
    const paths = new Set(plane.asked.map(({ path }) => path));
    for (const path of ["/api/v1/relays/join", "/relay/v1/state", "/boot/52-54-00-00-00-01/script.ipxe"]) {
      expect(paths).toContain(path);
    }
    expect(new Set(plane.asked.map(({ from }) => from))).toEqual(new Set([FROM_PROXY]));
  },
);

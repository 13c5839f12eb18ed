import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { createApiClient, type ApiClient } from "../../cli/api-client.ts";
import { startControlPlane, type LocalControlPlane } from "../../cli/dev/control-plane.ts";
import { addImage } from "../e2e/site.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { freePort } from "../support/lab/free-port.ts";

const run = promisify(execFile);
const CLOUD_INIT = "/usr/bin/cloud-init";
/** Debian's: the one that has cloud-init's modules. */
const PYTHON = "/usr/bin/python3";
const READ = fileURLToPath(new URL("read-nocloud.py", import.meta.url));
const MAC = "52:54:00:00:00:01";
const ANSWERS = {
  "user-data": "autoinstall/ubuntu",
  "meta-data": "cloud-config/meta-data",
  "vendor-data": "cloud-config/vendor-data",
};
const AWKWARD = `Zoë's "50 %" & $HOME #1: \\o/`;

const missing = missingNeed({ programs: [CLOUD_INIT, PYTHON] });

describe.skipIf(missing !== undefined)("cloud-init's NoCloud source", () => {
  let directory: string;
  let controlPlane: LocalControlPlane;
  let api: ApiClient;
  let token: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "pxedge-nocloud-"));
    const host = "127.0.0.1";
    controlPlane = await startControlPlane({ host, port: await freePort(host), stateDir: directory });
    api = createApiClient(controlPlane.url, controlPlane.adminToken);
    await api.request("PUT", "/sites/lab", { directInstall: true });
    for (const path of Object.values(ANSWERS)) {
      const text = readFileSync(new URL(`../../templates/${path}.mustache`, import.meta.url), "utf8");
      await api.request("PUT", `/templates/${path.replace("/", "-")}`, { text });
    }
    const kernel = join(directory, "vmlinuz");
    writeFileSync(kernel, "kernel");
    await addImage(api, "ubuntu", { vmlinuz: kernel });
    await api.request("PUT", "/profiles/ubuntu", {
      mode: "install",
      image: "ubuntu",
      kernel: "vmlinuz",
      args: "ip=dhcp autoinstall ds=nocloud-net;s={{urls.answers}}",
      answers: Object.fromEntries(
        Object.entries(ANSWERS).map(([file, path]) => [file, { template: path.replace("/", "-") }]),
      ),
      variables: { userFullName: AWKWARD },
    });
    await api.request("PUT", "/sites/lab/machines/web-1", { macs: [MAC] });
    ({ token } = await api.request("POST", "/sites/lab/boot-tokens", { description: "a test" }));
  });
  afterAll(async () => {
    await controlPlane?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test("reads its three files by the kernel's command line; the first one commits", async () => {
    const { id } = await api.request("POST", "/sites/lab/machines/web-1/arm", { profile: "ubuntu" });
    const reply = await fetch(`${controlPlane.url}/s/${token}/boot/${MAC}/script.ipxe`);
    const script = await reply.text();
    const commandLine = /\S*ip=dhcp autoinstall .*/.exec(script)?.[0];
    expect(commandLine, script).toBeDefined();

    const { stdout } = await run(PYTHON, [READ], {
      env: { ...process.env, DEBUG_PROC_CMDLINE: commandLine! },
    });
    const read = JSON.parse(stdout);
    const machine = await api.request("GET", "/sites/lab/machines/web-1");
    expect(read.instanceId).toBe(`${machine.id}-${id}`);
    expect(read.metaData).toMatchObject({ "local-hostname": "web-1" });
    expect(parse(read.userData).autoinstall.identity).toMatchObject({ hostname: "web-1", realname: AWKWARD });
    expect(parse(read.vendorData)).toEqual({});
    const { items } = await api.request("GET", "/sites/lab/machines/web-1/attempts");
    expect(items).toMatchObject([{ id, state: "committed", installs: 1 }]);

    const file = join(directory, "user-data");
    writeFileSync(file, read.userData);
    const schema = await run(CLOUD_INIT, ["schema", "--config-file", file]);
    expect(schema.stdout).toMatch(/^Valid cloud-config/);
  });
});

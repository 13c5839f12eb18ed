/**
 * A storm on the control plane: 1,000 armed machines of one site ask for their
 * scripts, 64 at a time, on workerd by miniflare; the same storm on a static
 * file of nginx, in the same run, is the floor. And the size of the bundle.
 *
 *     node bench/worker.ts [--machines 1000] [--at-once 64] [--rounds 3]
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createApiClient } from "../cli/api-client.ts";
import { uploadFile } from "../cli/upload.ts";
import { startControlPlane } from "../cli/dev/control-plane.ts";
import { RELAY_HEADER } from "../core/relay-protocol/headers.ts";
import { measureBundle } from "./worker/bundle.ts";
import { workerdCpuMs } from "./worker/cpu-time.ts";
import { startNginx } from "./worker/nginx.ts";
import { storm, type Storm, type StormRequest } from "./worker/storm.ts";
import { freePort } from "../test/support/lab/free-port.ts";

const { values } = parseArgs({
  options: {
    machines: { type: "string", default: "1000" },
    "at-once": { type: "string", default: "64" },
    rounds: { type: "string", default: "3" },
  },
});
const [machines, atOnce, rounds] = [values.machines, values["at-once"], values.rounds].map(Number);
if (![machines, atOnce, rounds].every((value) => Number.isInteger(value) && value! > 0)) {
  process.stderr.write("usage: worker.ts [--machines N] [--at-once N] [--rounds N]\n");
  process.exit(2);
}

const directory = mkdtempSync(join(tmpdir(), "pxedge-bench-worker-"));
const controlPlane = await startControlPlane({
  host: "127.0.0.1",
  port: await freePort(),
  stateDir: directory,
});
try {
  const { requests, script } = await createFleet(machines!);
  const nginx = await startNginx(directory, await freePort(), { name: "script.ipxe", text: script });
  const floor = requests.map((): StormRequest => ({
    path: "/script.ipxe",
    headers: {},
    isGood: (body) => body === script,
  }));
  try {
    for (let round = 1; round <= rounds!; round++) {
      const cpuBefore = workerdCpuMs();
      const ours = await storm(controlPlane.url, requests, atOnce!);
      const cpuMs = (workerdCpuMs() - cpuBefore) / requests.length;
      const theirs = await storm(nginx.url, floor, atOnce!);
      process.stdout.write(`round ${round}\n${format("pxedge", ours)}${format("nginx, static", theirs)}`);
      process.stdout.write(`  pxedge / nginx: ${(ours.perSecond / theirs.perSecond).toFixed(3)} ×\n`);
      process.stdout.write(`  workerd: ${cpuMs.toFixed(2)} ms of CPU a script\n`);
      if (ours.errors > 0) process.exitCode = 1;
    }
  } finally {
    await nginx.stop();
  }
  const { gzippedBytes, minifiedBytes, largest } = await measureBundle();
  process.stdout.write(
    `bundle: ${kib(gzippedBytes)} gzipped, minified ${kib(minifiedBytes)}; ` +
      `largest: ${largest.map(({ name, bytes }) => `${name} ${kib(bytes)}`).join(", ")}\n`,
  );
} finally {
  await controlPlane.stop();
  rmSync(directory, { recursive: true, force: true });
}

/** A site with its relay and armed machines, each of which asks for its script. */
async function createFleet(count: number): Promise<{ requests: StormRequest[]; script: string }> {
  const api = createApiClient(controlPlane.url, controlPlane.adminToken);
  await api.request("PUT", "/sites/lab", {});
  const { token } = await api.request("POST", "/sites/lab/join-tokens");
  const { credential } = await api.request("POST", "/relays/join", { token });
  const kernel = join(directory, "linux");
  writeFileSync(kernel, Buffer.alloc(4_096, 1));
  const { sha256 } = await uploadFile(api, { image: "debian", path: "linux", file: kernel });
  await api.request("PUT", "/images/debian", { files: { linux: { sha256 } } });
  await api.request("PUT", "/templates/answer", {
    text: "---\nkind: shell\ndescription: of the benchmark\n---\nhost={{machine.name}}\n",
  });
  await api.request("PUT", "/profiles/debian", {
    mode: "install",
    image: "debian",
    kernel: "linux",
    args: "auto=true url={{urls.answers}}answer.sh hostname={{machine.name}}",
    answers: { "answer.sh": { template: "answer" } },
  });
  const requests: StormRequest[] = [];
  for (let i = 0; i < count; i++) {
    const mac = `02${i.toString(16).padStart(10, "0")}`.match(/../g)!.join(":");
    const name = `node${i}`;
    await api.request("PUT", `/sites/lab/machines/${name}`, { macs: [mac] });
    await api.request("POST", `/sites/lab/machines/${name}/arm`, { profile: "debian", confirmCount: 1 });
    requests.push({
      path: `/boot/${mac.replaceAll(":", "-")}/script.ipxe`,
      headers: {
        authorization: `Bearer ${credential}`,
        [RELAY_HEADER.BASE_URL]: "http://192.168.77.1:8080",
        [RELAY_HEADER.CLIENT_MAC]: mac,
        [RELAY_HEADER.CLIENT_MAC_SOURCE]: "lease",
        [RELAY_HEADER.CLIENT_IP]: "192.168.77.50",
      },
      isGood: (body) => body.includes(`hostname=${name}`) && body.includes("/a/"),
    });
  }
  const [first] = requests;
  const response = await fetch(controlPlane.url + first!.path, { headers: first!.headers });
  return { requests, script: await response.text() };
}

function format(name: string, { perSecond, p50Ms, p99Ms, errors }: Storm): string {
  return (
    `  ${name}: ${perSecond.toFixed(0)} scripts/s, p50 ${p50Ms.toFixed(1)} ms, ` +
    `p99 ${p99Ms.toFixed(1)} ms, ${errors} errors\n`
  );
}

function kib(bytes: number): string {
  return `${(bytes / 1_024).toFixed(1)} KiB`;
}

/**
 * A fleet as code at its size: a folder of so many machines is applied to a
 * local control plane by `pxedge apply`, once from nothing, once with nothing to
 * do, once with one machine changed; and is written by `pxedge export`. Its
 * machines come from YAML, or from CSV, which is read faster.
 *
 *     node bench/fleet.ts [--machines 10000] [--sites 1] [--format yaml|csv]
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { startControlPlane } from "../cli/dev/control-plane.ts";
import { freePort } from "../test/support/lab/free-port.ts";

const PXEDGE = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
const PROFILES = 20;

const { values } = parseArgs({
  options: {
    machines: { type: "string", default: "10000" },
    sites: { type: "string", default: "1" },
    format: { type: "string", default: "yaml" },
  },
});
const [machines, sites] = [Number(values.machines), Number(values.sites)];
const { format } = values;
const isCount = (value: number) => Number.isInteger(value) && value > 0;
if (!isCount(machines) || !isCount(sites) || (format !== "yaml" && format !== "csv")) {
  process.stderr.write("usage: fleet.ts [--machines N] [--sites N] [--format yaml|csv]\n");
  process.exit(2);
}

const directory = mkdtempSync(join(tmpdir(), "pxedge-bench-fleet-"));
const fleet = join(directory, "fleet");
const controlPlane = await startControlPlane({
  host: "127.0.0.1",
  port: await freePort(),
  stateDir: join(directory, "state"),
});
try {
  writeFleet("/dev/sda");
  await measure(`apply ${machines} machines (${format}) at ${sites} sites`, "apply", fleet);
  await measure("apply with nothing to do", "apply", fleet);
  await measure("apply --prune with nothing to do", "apply", fleet, "--prune");
  writeFleet("/dev/sdb");
  await measure("apply with one machine changed", "apply", fleet);
  await measure("export", "export", join(directory, "exported"));
} finally {
  await controlPlane.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function measure(label: string, ...args: string[]): Promise<void> {
  const env = {
    ...process.env,
    HOME: directory,
    PXEDGE_URL: controlPlane.url,
    PXEDGE_TOKEN: controlPlane.adminToken,
  };
  const startedAt = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [PXEDGE, ...args], {
    env,
    maxBuffer: 256 << 20,
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  process.stdout.write(`${label}: ${seconds.toFixed(2)} s: ${stdout.trimEnd().split("\n").at(-1)}\n`);
}

/** @param disk of the first machine */
function writeFleet(disk: string): void {
  for (const folder of ["sites", "machines", "profiles", "templates"]) {
    mkdirSync(join(fleet, folder), { recursive: true });
  }
  for (let i = 0; i < PROFILES; i++) {
    writeFileSync(
      join(fleet, `profiles/p${i}.yaml`),
      `mode: chain\nurl: http://boot${i}.example.org/menu.ipxe\n`,
    );
    const text = `---\nkind: shell\ndescription: of the benchmark, ${i}\n---\necho {{machine.name}}\n`;
    writeFileSync(join(fleet, `templates/t${i}.mustache`), text);
  }
  const rows = Array.from({ length: machines }, (_, i) => {
    const mac = `02${i.toString(16).padStart(10, "0")}`.match(/../g)!.join(":");
    const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    const [profile, rack] = [`p${i % PROFILES}`, `r${i % 400}`];
    const ownDisk = i === 0 ? disk : "/dev/sda";
    return format === "csv"
      ? `node${i},${mac},${address},${profile},${rack},${ownDisk}`
      : `node${i}:\n  macs: ["${mac}"]\n  address: ${address}\n  profile: ${profile}\n` +
          `  labels: { rack: ${rack} }\n  variables: { disk: ${ownDisk} }`;
  });
  const heading = format === "csv" ? ["name,macs,address,profile,labels.rack,variables.disk"] : [];
  for (let i = 0; i < sites; i++) {
    const own = rows.filter((_, row) => row % sites === i);
    writeFileSync(join(fleet, `sites/s${i}.yaml`), "policy: discover\n");
    writeFileSync(join(fleet, `machines/s${i}.${format}`), [...heading, ...own, ""].join("\n"));
  }
}

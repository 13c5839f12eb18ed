import { loadRelayConfig } from "../relay/config/parse.ts";
import type { RelayConfig } from "../relay/config/model.ts";
import type { RelayStatus } from "../relay/status.ts";
import { formatBytes } from "./terminal/progress.ts";
import { colour, formatTable, printable } from "./terminal/table.ts";

const TIMEOUT_MS = 5000;

/** Prints how the relay that a configuration is of is; the exit code is 1 where it is not healthy. */
export async function printRelayStatus(configFile: string, json: boolean): Promise<void> {
  const status = await fetchStatus(await loadRelayConfig(configFile));
  process.stdout.write(json ? `${JSON.stringify(status, null, 2)}\n` : formatStatus(status));
  if (!status.healthy) process.exitCode = 1;
}

async function fetchStatus({ admin, stateDir }: RelayConfig): Promise<RelayStatus> {
  // One that listens everywhere is reached by loopback as well.
  const host = admin.address === "0.0.0.0" ? "127.0.0.1" : admin.address;
  const where = `${host}:${admin.port}`;
  let status: RelayStatus;
  try {
    const response = await fetch(`http://${where}/status`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`it answers ${response.status}`);
    status = (await response.json()) as RelayStatus;
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? cause.message : message;
    throw new Error(
      `no relay tells its status on ${where} (${why}): start it, or see \`pxedge relay doctor\` and its log`,
      { cause: error },
    );
  }
  if (status.stateDir === stateDir) return status;
  throw new Error(
    `the relay on ${where} has the state folder ${status.stateDir}, not ${stateDir}: give each relay of a host an admin.port of its own`,
  );
}

/** Formats a status for people. */
function formatStatus(status: RelayStatus): string {
  const { site, relay, version, controlPlane, cache, journal, http, mirrors } = status;
  const headline = status.healthy ? colour("green", "healthy") : colour("red", "not healthy");
  const facts: [string, string][] = [
    [
      "relay",
      `${relay} of site ${printable(site.name ?? site.id)}, version ${version}, since ${status.startedAt}`,
    ],
    ["control plane", `${controlPlane.url}: ${controlPlane.state}${since(controlPlane.lastContact)}`],
    ["requests", `${http.boot} for scripts and boot files, ${http.image} for images under way`],
    [
      "image cache",
      `${formatBytes(cache.bytes)} of ${formatBytes(cache.maxBytes)} in ${cache.objects} files; ${cache.hits} hits, ${cache.fills + cache.passed} misses`,
    ],
    ["mirrors", `${formatBytes(mirrors.bytes)} in ${mirrors.files} files`],
    ["events", `${journal.waiting} to be delivered, ${journal.dropped} dropped`],
  ];
  const lines = [
    `${headline}\n`,
    ...status.problems.map((problem) => `  - ${printable(problem)}\n`),
    ...status.waitingForRestart.map((field) => `  - ${field} was changed, and waits for a restart\n`),
    "\n",
    ...facts.map(([name, value]) => `${name.padEnd(14)} ${value}\n`),
    "\n",
    formatInterfaces(status),
  ];
  return lines.join("");
}

function since(lastContact: string | null): string {
  return lastContact === null ? "" : `, last heard ${lastContact}`;
}

function formatInterfaces({ interfaces }: RelayStatus): string {
  return formatTable<RelayStatus["interfaces"][number]>(
    [
      ["INTERFACE", ({ name }) => name],
      ["HTTP", (each) => each.http ?? "-"],
      ["DHCP", ({ dhcp }) => dhcp],
      ["LEASES", ({ pools }) => formatPools(pools)],
      ["TRANSFERS", ({ transfers }) => String(transfers)],
      ["STATE", ({ problem }) => (problem === null ? "served" : "not wholly served")],
    ],
    interfaces,
  );
}

function formatPools(pools: RelayStatus["interfaces"][number]["pools"]): string {
  return pools.map(({ network, size, leased }) => `${leased} of ${size} in ${network}`).join(", ") || "-";
}

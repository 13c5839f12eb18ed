import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join, resolve } from "node:path";
import { parseRelayConfig } from "../../relay/config/parse.ts";
import { join as joinSite } from "../../relay/control-plane/join.ts";
import { createLog } from "../../relay/log.ts";
import { startRelay } from "../../relay/relay.ts";
import { createApiClient, type ApiClient } from "../api-client.ts";
import { startControlPlane } from "./control-plane.ts";
import { applyExampleFleet, EXAMPLE, standIn } from "./fleet.ts";
import { createSimulatedMachine, type RunStep } from "./simulated-machine.ts";

/** Unprivileged, and not what other software uses by default. */
const PORTS = {
  controlPlane: 7710,
  http: 7711,
  admin: 7712,
  dhcpServer: 7767,
  dhcpClient: 7768,
  tftp: 7769,
} as const;
const HOST = "127.0.0.1";
/** All of 127.0.0.0/8 is this computer, so that a machine has an address of its own without a network. */
const RANGE = "[127.77.0.50, 127.77.0.99]";
/** Where Debian's `ipxe` package puts its boot files. */
const IPXE_ROOT = "/usr/lib/ipxe";

/** The running system; `stop` ends all of it, in the order opposite to its start. */
export type DevSystem = { readonly env: Readonly<Record<string, string>>; stop(): Promise<void> };

/**
 * Starts control plane and relay on loopback, applies the example fleet, and
 * boots one simulated machine through every layer, twice: to be installed, and
 * then to its local disk.
 *
 * @param stateDir kept from one start to the next
 * @throws StepError
 */
export async function startDev(options: { stateDir: string; step: RunStep }): Promise<DevSystem> {
  const stateDir = resolve(options.stateDir);
  const { step } = options;
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).toReversed()) await each();
  };

  try {
    mkdirSync(stateDir, { recursive: true });
    const controlPlane = await step(
      "control-plane",
      async () => {
        await requireFreePort(PORTS.controlPlane);
        return await startControlPlane({
          host: HOST,
          port: PORTS.controlPlane,
          stateDir: join(stateDir, "control-plane"),
        });
      },
      ({ url }) => `the Worker on workerd at ${url}`,
    );
    stops.push(() => controlPlane.stop());
    const api = createApiClient(controlPlane.url, controlPlane.adminToken);
    await step(
      "fleet",
      () => applyExampleFleet(api, join(stateDir, "images")),
      () =>
        `site "${EXAMPLE.site}", machine "${EXAMPLE.machine}" (${EXAMPLE.mac}), profile "${EXAMPLE.profile}"`,
    );

    const configFile = join(stateDir, "relay.yaml");
    const configText = formatRelayConfig(controlPlane.url, stateDir);
    writeFileSync(configFile, configText);
    const config = parseRelayConfig(configText, configFile);
    await step(
      "relay-join",
      async () => await joinOnce(api, controlPlane.url, config.stateDir),
      (joined) => (joined ? "with a one-time token" : "joined before"),
    );
    const relay = await step(
      "relay-run",
      async () => {
        await requireFreePort(PORTS.http);
        return await startRelay({ config, log: createLog(config.log) });
      },
      () => `DHCP on lo:${PORTS.dhcpServer}, TFTP on ${HOST}:${PORTS.tftp}, HTTP on ${HOST}:${PORTS.http}`,
    );
    stops.push(() => relay.stop());

    const env = {
      PXEDGE_URL: controlPlane.url,
      PXEDGE_TOKEN: controlPlane.adminToken,
      RELAY_HTTP: `http://${HOST}:${PORTS.http}`,
      RELAY_DHCP: `${HOST}:${PORTS.dhcpServer}`,
      RELAY_TFTP: `${HOST}:${PORTS.tftp}`,
    };
    const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(stateDir, "dev.env"), lines.join(""), { mode: 0o600 });
    return { env, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Arms the example machine and boots it: to be installed, then to its local disk. */
export async function bootExampleMachine(system: DevSystem, step: RunStep): Promise<void> {
  const api = createApiClient(system.env["PXEDGE_URL"]!, system.env["PXEDGE_TOKEN"]!);
  const machine = createSimulatedMachine({
    mac: EXAMPLE.mac,
    device: "lo",
    dhcp: { serverPort: PORTS.dhcpServer, clientPort: PORTS.dhcpClient },
    tftpPort: PORTS.tftp,
    answerFile: EXAMPLE.answerFile,
    step,
  });
  const path = `/sites/${EXAMPLE.site}/machines/${EXAMPLE.machine}`;
  await step(
    "arm",
    async () => {
      // What an earlier run left half done makes way.
      const { items } = await api.request("GET", `${path}/attempts`);
      const active = items.find((attempt: { endedAt: string | null }) => attempt.endedAt === null);
      return await api.request("POST", `${path}/arm`, active === undefined ? {} : { supersede: active.id });
    },
    (attempt) => `attempt ${attempt.id} of ${attempt.profile}@${attempt.revision}`,
  );
  await machine.install();
  await machine.bootLocal();
  await step(
    "attempt",
    async () => {
      const { items } = await api.request("GET", `${path}/attempts`);
      if (items[0].state !== "installed") throw new Error(`the attempt is ${items[0].state}`);
      return items[0];
    },
    (attempt) => `${attempt.state}, after ${attempt.installs} install`,
  );
}

async function joinOnce(api: ApiClient, url: string, stateDir: string): Promise<boolean> {
  if (existsSync(join(stateDir, "credentials.json"))) return false;
  const { token } = await api.request("POST", `/sites/${EXAMPLE.site}/join-tokens`);
  await joinSite({ url, token, stateDir });
  return true;
}

function formatRelayConfig(controlPlaneUrl: string, stateDir: string): string {
  return `# Written by pxedge dev at each start.
controlPlane: { url: "${controlPlaneUrl}" }
stateDir: ${JSON.stringify(join(stateDir, "relay"))}
interfaces:
  - name: lo
    dhcp: { mode: server, range: ${RANGE}, leaseSeconds: 600, port: ${PORTS.dhcpServer}, clientPort: ${PORTS.dhcpClient} }
tftp: { root: ${JSON.stringify(bootFileRoot(stateDir))}, port: ${PORTS.tftp} }
http: { port: ${PORTS.http} }
admin: { port: ${PORTS.admin} }
log: { level: warn, format: pretty }
`;
}

/** Debian's iPXE where it is installed, else a stand-in, which a simulated machine loads as well. */
function bootFileRoot(stateDir: string): string {
  if (existsSync(join(IPXE_ROOT, "snponly.efi"))) return IPXE_ROOT;
  const root = join(stateDir, "boot-files");
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, "snponly.efi"), standIn("snponly.efi", 180_000));
  return root;
}

/** A port that somebody listens on is named before anything is started beside it. */
async function requireFreePort(port: number): Promise<void> {
  const taken = await new Promise<boolean>((resolvePort) => {
    const socket = createConnection({ host: HOST, port });
    socket.on("connect", () => {
      socket.destroy();
      resolvePort(true);
    });
    socket.on("error", () => resolvePort(false));
  });
  if (taken) {
    throw new Error(
      `port ${port} on ${HOST} is taken; stop what listens there (another pxedge dev?) and start again`,
    );
  }
}

import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createApiClient, type ApiClient } from "../../cli/api-client.ts";
import { startControlPlane, type LocalControlPlane } from "../../cli/dev/control-plane.ts";
import { uploadFile } from "../../cli/upload.ts";
import type { BootEvent } from "../../core/relay-protocol/events.ts";
import type { Child } from "../support/lab/child.ts";
import type { CommandLine } from "../support/lab/debian-host.ts";
import type { Lab } from "../support/lab/network.ts";
import { waitFor } from "../support/lab/wait.ts";
import { freePort } from "../support/lab/free-port.ts";

const PXEDGE = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const RELAY_HTTP_PORT = 8080;

/** pxedge in a lab: the control plane in the root namespace, the relay, a process of its own, on the LAN. */
export type Site = {
  readonly name: string;
  readonly api: ApiClient;
  /** Runs `pxedge ARGS` as an operator of the control plane; rejects unless it exits with 0. */
  pxedge(...args: string[]): Promise<string>;
  /** Where machines reach the relay, e.g. `http://192.168.77.1:8080`. */
  readonly relayUrl: string;
  /** Registers a machine; returns its path in the API. */
  addMachine(name: string, mac: string, more?: object): Promise<string>;
  /** Orders an install. */
  arm(machine: string, profile: string, more?: object): Promise<{ id: string }>;
  attempts(
    machine: string,
  ): Promise<{ id: string; state: string; installs: number; reason: string | null }[]>;
  /** The machine's events, oldest first. */
  timeline(machine: string): Promise<BootEvent[]>;
  /** Waits for an event of the machine; returns the first. */
  waitForEvent(machine: string, stage: string, name: string, timeoutMs: number): Promise<BootEvent>;
  /** Ends the relay without warning, as a power cut does. */
  killRelay(): Promise<void>;
  startRelay(): Promise<void>;
  /** What the relay logged since it was started last. */
  relayLog(): string;
  stop(): Promise<void>;
};

/** Where a site's relay is installed. */
export type RelayHost = {
  /** Its relay.yaml, as this process sees it. */
  readonly configFile: string;
  /** As the relay sees it. */
  readonly stateDir: string;
  readonly tftpRoot: string;
  /** `pxedge ARGS`, run on it. */
  pxedge(...args: string[]): CommandLine;
  /** Runs the relay. */
  run(): CommandLine;
};

type SiteOptions = {
  readonly directory: string;
  /** Where the boot files are. */
  readonly tftpRoot: string;
  /** Where the relay is installed; by default this checkout runs it. */
  readonly host?: RelayHost;
  /** The site's document. */
  readonly site?: object;
  /** DHCP on the LAN, as relay.yaml has it; a server if left out. */
  readonly dhcp?: string;
  /** Further interfaces and their DHCP. */
  readonly interfaces?: Readonly<Record<string, string>>;
};

/** Starts control plane and relay for a lab. */
export async function startSite(lab: Lab, options: SiteOptions): Promise<Site> {
  const name = "lab";
  mkdirSync(options.directory, { recursive: true });
  const controlPlane = await startControlPlane({
    host: lab.controlPlaneAddress,
    port: await freePort(lab.controlPlaneAddress),
    stateDir: join(options.directory, "control-plane"),
  });
  try {
    return await startParts(lab, name, controlPlane, options);
  } catch (error) {
    await controlPlane.stop();
    throw error;
  }
}

function checkoutHost({ directory, tftpRoot }: SiteOptions): RelayHost {
  const configFile = join(directory, "relay.yaml");
  const pxedge = (...args: string[]): CommandLine => [process.execPath, PXEDGE, ...args];
  return {
    configFile,
    stateDir: join(directory, "relay"),
    tftpRoot,
    pxedge,
    run: () => pxedge("relay", "run", "--config", configFile),
  };
}

async function startParts(
  lab: Lab,
  name: string,
  controlPlane: LocalControlPlane,
  options: SiteOptions,
): Promise<Site> {
  const api = createApiClient(controlPlane.url, controlPlane.adminToken);
  await api.request("PUT", `/sites/${name}`, options.site ?? {});

  const host = options.host ?? checkoutHost(options);
  const server = `mode: server, range: [192.168.77.50, 192.168.77.99], router: ${lab.lanAddress}, dns: [${lab.lanAddress}], leaseSeconds: 3600`;
  const interfaces = { [lab.lanInterface]: options.dhcp ?? server, ...options.interfaces };
  writeFileSync(
    host.configFile,
    `controlPlane: { url: "${controlPlane.url}" }
stateDir: ${host.stateDir}
interfaces:
${Object.entries(interfaces)
  .map(([name, dhcp]) => `  - name: ${name}\n    dhcp: { ${dhcp} }\n`)
  .join("")}\
tftp: { root: ${host.tftpRoot} }
http: { port: ${RELAY_HTTP_PORT} }
log: { level: debug, format: json }
`,
  );
  const { token } = await api.request("POST", `/sites/${name}/join-tokens`);
  const join_ = ["relay", "join", "--url", controlPlane.url, "--token", token, "--state-dir", host.stateDir];
  const [joining, ...joinArgs] = host.pxedge(...join_);
  await lab.exec(joining, joinArgs);

  let relay: Child | undefined;
  const startRelay = async () => {
    const [program, ...args] = host.run();
    const child = await lab.spawn(program, args);
    relay = child;
    await waitFor(
      () => {
        if (child.process.exitCode !== null) throw new Error(`the relay ended:\n${child.output()}`);
        return child.output().includes("the relay runs");
      },
      20_000,
      () => `the relay did not come up:\n${child.output()}`,
    );
  };
  await startRelay();

  const path = (machine: string) => `/sites/${name}/machines/${machine}`;
  const timeline = async (machine: string): Promise<BootEvent[]> =>
    (await api.request("GET", `${path(machine)}/timeline`)).items;
  return {
    name,
    api,
    pxedge: async (...args) => {
      const credentials = { PXEDGE_URL: controlPlane.url, PXEDGE_TOKEN: controlPlane.adminToken };
      const env = { ...process.env, ...credentials, HOME: options.directory };
      return (await promisify(execFile)(process.execPath, [PXEDGE, ...args], { env })).stdout;
    },
    relayUrl: `http://${lab.lanAddress}:${RELAY_HTTP_PORT}`,
    addMachine: async (machine, mac, more = {}) => {
      await api.request("PUT", path(machine), { macs: [mac], ...more });
      return path(machine);
    },
    arm: (machine, profile, more = {}) => api.request("POST", `${path(machine)}/arm`, { profile, ...more }),
    attempts: async (machine) => (await api.request("GET", `${path(machine)}/attempts`)).items,
    timeline,
    waitForEvent: async (machine, stage, event, timeoutMs) =>
      await waitFor(
        async () => (await timeline(machine)).find((each) => each.stage === stage && each.name === event),
        timeoutMs,
        () =>
          `no event ${stage} ${event} of ${machine}\n--- relay ---\n${(relay?.output() ?? "").slice(-3_000)}`,
      ),
    killRelay: async () => {
      relay?.process.kill("SIGKILL");
      await relay?.exited;
    },
    startRelay,
    relayLog: () => relay?.output() ?? "",
    stop: async () => {
      await relay?.stop();
      await controlPlane.stop();
    },
  };
}

/** Uploads files as an image. */
export async function addImage(
  api: ApiClient,
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  const uploaded: Record<string, { sha256: string }> = {};
  for (const [path, file] of Object.entries(files)) {
    uploaded[path] = { sha256: (await uploadFile(api, { image: name, path, file })).sha256 };
  }
  await api.request("PUT", `/images/${name}`, { files: uploaded });
}

import { type DhcpPacket, getU8, MESSAGE_TYPE, OPTION } from "../../../../core/dhcp-packet/index.ts";
import type { BootFiles, RelayMachine } from "../../../../core/relay-protocol/state.ts";
import type { DhcpServerConfig } from "../../../../relay/config/model.ts";
import type { AddressPool } from "../../../../relay/dhcp/address-pool.ts";
import { type EngineContext, handle } from "../../../../relay/dhcp/engine.ts";
import type { Outcome } from "../../../../relay/dhcp/outcome.ts";
import type { SiteSnapshot } from "../../../../relay/dhcp/reservations.ts";
import { createServerContext } from "../../../../relay/dhcp/server-context.ts";
import type { Subnet } from "../../../../relay/dhcp/subnet.ts";
import { LeaseStore } from "../../../../relay/leases/lease-store.ts";
import type { InterfaceInfo } from "../../../../relay/net/interfaces.ts";
import { type ClientMessage, discover, request } from "./client-packets.ts";
import { serverConfig } from "./server-config.ts";

export const SERVER = "192.168.77.1";
export const START = 1_800_000_000_000;

export const CONFIG: DhcpServerConfig = serverConfig({
  ranges: [["192.168.77.50", "192.168.77.53"]],
  router: "192.168.77.254",
  dns: ["192.168.77.2", "192.168.77.3"],
  domain: "lab.example",
});

/** The interface that the server is on. */
export const INTERFACE: InterfaceInfo = {
  name: "eth1",
  index: 1,
  address: SERVER,
  netmask: "255.255.255.0",
  broadcast: "192.168.77.255",
  others: [],
  mtu: 1500,
  mac: "52:54:00:ff:ff:ff",
};

const BOOT_FILES: BootFiles = {
  bios: ["undionly.kpxe"],
  "efi-x86_64": ["missing.efi", "snponly.efi"],
  "efi-arm64": ["ipxe-arm64.efi"],
};

export type Reply = Extract<Outcome, { kind: "reply" }>;

/** The engine over leases in memory, and a clock that a test moves. */
export class EngineBench {
  readonly leases: LeaseStore;
  readonly context: EngineContext;
  /** The interface's own network. */
  readonly subnet: Subnet;
  readonly pool: AddressPool;
  now = START;
  #site: SiteSnapshot;

  constructor({
    config = CONFIG,
    machines = [],
    siteBootFiles,
    leases,
    info = INTERFACE,
  }: {
    info?: InterfaceInfo;
    config?: DhcpServerConfig;
    machines?: readonly RelayMachine[];
    siteBootFiles?: BootFiles;
    leases?: LeaseStore;
  } = {}) {
    this.leases = leases ?? new LeaseStore({ path: ":memory:", now: () => this.now });
    this.#site = {
      site: {
        id: "s1",
        name: "lab",
        bootWaitSeconds: 300,
        ...(siteBootFiles !== undefined && { bootFiles: siteBootFiles }),
      },
      machines,
    };
    this.context = createServerContext(
      {
        config,
        interface: info,
        httpPort: 8080,
        bootFiles: BOOT_FILES,
        bootFileAvailable: (file) => file !== "missing.efi",
        leases: this.leases,
        site: () => this.#site,
        onEvent: () => undefined,
        log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
        now: () => this.now,
      },
      config,
    );
    this.subnet = this.context.networks.all[0]!.subnet;
    this.pool = this.context.networks.all[0]!.pool;
  }

  setMachines(machines: readonly RelayMachine[]): void {
    this.#site = { ...this.#site, machines };
  }

  /** Handles a packet and keeps its changes. */
  handle(packet: DhcpPacket): Outcome {
    const outcome = handle(packet, this.context, this.now);
    for (const change of outcome.changes) this.leases.stage(change);
    void this.leases.commit();
    return outcome;
  }

  /** The reply to a packet, which there must be. */
  reply(packet: DhcpPacket): Reply {
    const outcome = this.handle(packet);
    if (outcome.kind !== "reply") throw new Error(`no reply: ${outcome.reason}`);
    return outcome;
  }

  /** What comes of a packet in a word: `offer`, `ack`, `nak`, or why there is silence. */
  verdict(packet: DhcpPacket): string {
    const outcome = this.handle(packet);
    if (outcome.kind === "silent") return outcome.reason;
    const type = getU8(outcome.packet, OPTION.MESSAGE_TYPE);
    return type === MESSAGE_TYPE.OFFER ? "offer" : type === MESSAGE_TYPE.ACK ? "ack" : "nak";
  }

  /** A whole DISCOVER, OFFER, REQUEST, ACK: the address. */
  lease(parts: ClientMessage = {}): string {
    const offered = this.reply(discover(parts)).packet.yiaddr;
    const acknowledged = this.reply(request(offered, SERVER, parts)).packet.yiaddr;
    if (acknowledged !== offered)
      throw new Error(`offered ${offered}, acknowledged ${acknowledged || "nothing"}`);
    return acknowledged;
  }
}

export function machine(overrides: Partial<RelayMachine>): RelayMachine {
  return { id: "m1", name: "node-1", macs: [], ...overrides };
}

import { type DhcpPacket, getU8, MESSAGE_TYPE, OPTION } from "../../../../core/dhcp-packet/index.ts";
import type { BootFiles, RelayMachine } from "../../../../core/relay-protocol/state.ts";
import type { DhcpServerConfig } from "../../../../relay/config/model.ts";
import { AddressPool } from "../../../../relay/dhcp/address-pool.ts";
import { BootDirections } from "../../../../relay/dhcp/boot-directions.ts";
import { type EngineContext, handle } from "../../../../relay/dhcp/engine.ts";
import { Offers } from "../../../../relay/dhcp/offers.ts";
import type { Outcome } from "../../../../relay/dhcp/outcome.ts";
import { Reservations, type SiteSnapshot } from "../../../../relay/dhcp/reservations.ts";
import { createSubnet } from "../../../../relay/dhcp/subnet.ts";
import { LeaseStore } from "../../../../relay/leases/lease-store.ts";
import { type ClientMessage, discover, request } from "./client-packets.ts";

export const SERVER = "192.168.77.1";
export const START = 1_800_000_000_000;

export const CONFIG: DhcpServerConfig = {
  mode: "server",
  range: ["192.168.77.50", "192.168.77.53"],
  router: "192.168.77.254",
  dns: ["192.168.77.2", "192.168.77.3"],
  domain: "lab.example",
  leaseSeconds: 3600,
  port: 67,
  clientPort: 68,
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
  now = START;
  #site: SiteSnapshot;

  constructor({
    config = CONFIG,
    machines = [],
    siteBootFiles,
    leases,
  }: {
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
    const info = {
      name: "eth1",
      address: SERVER,
      netmask: "255.255.255.0",
      broadcast: "192.168.77.255",
      mtu: 1500,
      mac: "52:54:00:ff:ff:ff",
    };
    const site = (): SiteSnapshot => this.#site;
    const subnet = createSubnet(info, config);
    const reservations = new Reservations(site);
    const offers = new Offers();
    this.context = {
      subnet,
      config,
      mtu: info.mtu,
      leases: this.leases,
      offers,
      pool: new AddressPool({ subnet, leases: this.leases, offers, reservations }),
      boot: new BootDirections({
        serverAddress: SERVER,
        httpPort: 8080,
        bootFiles: BOOT_FILES,
        available: (file) => file !== "missing.efi",
        site,
        reservations,
      }),
    };
  }

  setMachines(machines: readonly RelayMachine[]): void {
    this.#site = { ...this.#site, machines };
  }

  /** Handles a packet and makes its changes durable. */
  handle(packet: DhcpPacket): Outcome {
    const outcome = handle(packet, this.context, this.now);
    for (const change of outcome.changes) this.leases.stage(change);
    this.leases.commit();
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

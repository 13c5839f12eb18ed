import type { Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import type { Ipv4, Mac } from "../../core/addresses.ts";
import { openDeviceSocket } from "../net/device-socket.ts";
import { parseNeighbours } from "../net/neighbours.ts";
import type { AddressPool } from "./address-pool.ts";
import type { ServedNetwork } from "./networks.ts";
import type { Reservations } from "./reservations.ts";

export type ProberOptions = {
  readonly device: string;
  readonly networks: readonly ServedNetwork[];
  readonly reservations: Reservations;
  /** Who had an address by our lease, so that its own machine is no stranger there. */
  readonly lastHolder: (address: Ipv4) => Mac | undefined;
  /** Somebody answers for an address that is free, or reserved for another. */
  readonly onConflict: (address: Ipv4, mac: Mac) => void;
  readonly onError: (error: unknown, message: string) => void;
  readonly now: () => number;
};

/** A host on the wire answers ARP within milliseconds; a sleepy one within this. */
const ROUND_MS = 250;

/** When all are known: how soon to look for changes. */
const IDLE_MS = 1000;

/** The kernel's neighbour table holds 1,024 addresses for all its users. */
const MAX_OUTSTANDING = 64;

/** Addresses in stock, a network: an avalanche's worth. */
const STOCK = 1024;

/** How often the reserved addresses are looked at. */
const RESERVED_MS = 5 * 60_000;

/** The kernel gives an entry that it had before up after so long without an answer. */
const STALE_MS = 12_000;

/** RFC 863, discard: whatever is sent there means nothing. */
const DISCARD_PORT = 9;

/**
 * Asks ahead of need which addresses are free. A datagram to an address makes
 * the kernel ask for it by ARP, and its neighbour table then tells who
 * answered: this needs no privilege, and no OFFER waits for it.
 */
export class Prober {
  readonly #options: ProberOptions;
  readonly #pools: readonly AddressPool[];
  /** Asked for in this round, and the pool that it is for. */
  #outstanding = new Map<Ipv4, AddressPool>();
  /** In the kernel's table already when they were asked for: not yet known whether somebody still answers. */
  readonly #doubtful = new Map<Ipv4, number>();
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reservedAt = -Infinity;
  #reservedLeft: Ipv4[] = [];

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#pools = options.networks.map(({ pool }) => pool);
  }

  /** Resolves once the first addresses are known. */
  async start(): Promise<void> {
    this.#ask(this.#answered());
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
    this.#round();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = undefined;
  }

  readonly #round = (): void => {
    try {
      const answered = this.#answered();
      this.#collect(answered);
      this.#ask(answered);
    } catch (error) {
      this.#options.onError(error, "free addresses could not be probed");
    }
    const isIdle = this.#outstanding.size === 0;
    this.#timer = setTimeout(this.#round, isIdle ? IDLE_MS : ROUND_MS).unref();
  };

  #collect(answered: ReadonlyMap<Ipv4, Mac>): void {
    const now = this.#options.now();
    for (const [address, pool] of this.#outstanding) {
      const mac = answered.get(address);
      if (mac !== undefined) this.#judge(address, mac, now);
      else {
        this.#doubtful.delete(address);
        pool.knownFree.add(address, now);
      }
    }
    this.#outstanding.clear();
  }

  /** Somebody is known at an address. */
  #judge(address: Ipv4, mac: Mac, now: number): void {
    const { reservations, lastHolder, onConflict } = this.#options;
    const machine = reservations.holder(address);
    const isAtHome = machine === undefined ? lastHolder(address) === mac : machine.macs.includes(mac);
    if (isAtHome) return;
    const since = this.#doubtful.get(address);
    if (since !== undefined && now < since + STALE_MS) return;
    this.#doubtful.delete(address);
    onConflict(address, mac);
  }

  /** @param before who answered before it asks */
  #ask(before: ReadonlyMap<Ipv4, Mac>): void {
    const now = this.#options.now();
    for (const [index, pool] of this.#pools.entries()) {
      pool.knownFree.expire(now);
      const room = Math.floor(MAX_OUTSTANDING / (this.#pools.length - index)) - this.#outstanding.size;
      for (const address of pool.toProbe(Math.max(room, 0), STOCK, now)) this.#outstanding.set(address, pool);
    }
    for (const address of this.#reservedToAsk(now)) {
      const network = this.#options.networks.find(({ subnet }) => subnet.contains(address));
      if (network !== undefined) this.#outstanding.set(address, network.pool);
    }
    for (const address of this.#outstanding.keys()) {
      if (before.has(address)) {
        if (!this.#doubtful.has(address)) this.#doubtful.set(address, now);
      } else this.#doubtful.delete(address);
      this.#send(address);
    }
  }

  #reservedToAsk(now: number): Ipv4[] {
    if (now >= this.#reservedAt + RESERVED_MS) {
      this.#reservedAt = now;
      this.#reservedLeft = [...this.#options.reservations.addresses()];
    }
    return this.#reservedLeft.splice(0, Math.max(MAX_OUTSTANDING - this.#outstanding.size, 0));
  }

  #send(address: Ipv4): void {
    // Opened on first need, and again after an error: the interface may have been away.
    this.#socket ??= this.#open();
    this.#socket.send(new Uint8Array(1), DISCARD_PORT, address, (error) => {
      if (error === null) return;
      this.#outstanding.delete(address);
      this.#options.onError(error, "an address could not be probed");
      this.#socket?.close();
      this.#socket = undefined;
    });
  }

  #open(): Socket {
    const { device, onError } = this.#options;
    const socket = openDeviceSocket({ device, port: 0 });
    socket.on("error", (error) => onError(error, "the socket that probes addresses failed"));
    socket.unref();
    return socket;
  }

  /** Who answers on the device. */
  #answered(): Map<Ipv4, Mac> {
    const neighbours = parseNeighbours(readFileSync("/proc/net/arp", "utf8"));
    const ours = neighbours.filter(({ device }) => device === this.#options.device);
    return new Map(ours.map(({ address, mac }) => [address, mac]));
  }
}

import { formatMac } from "../../core/addresses.ts";
import {
  decode,
  DecodeError,
  type DhcpPacket,
  encode,
  getU8,
  MESSAGE_TYPE,
  OPTION,
} from "../../core/dhcp-packet/index.ts";
import type { EventDetail, EventSink } from "../../core/relay-protocol/events.ts";
import type { LeaseStore } from "../leases/lease-store.ts";
import { EventBudget } from "./event-budget.ts";
import { type Arrival, Inbox, type Service } from "./inbox.ts";
import type { DhcpLog } from "./log.ts";
import type { Destination, Outcome } from "./outcome.ts";
import { SampledEvents } from "./sampled-events.ts";
import type { DhcpServerStats } from "./server-stats.ts";

export type ExchangeOptions = {
  /** The interface's name. */
  readonly device: string;
  /** Decides what comes of a request. */
  readonly handle: (packet: DhcpPacket, arrival: Arrival) => Outcome;
  /** Whether the site knows the sender of a datagram. */
  readonly isKnown: (bytes: Uint8Array) => boolean;
  readonly leases: Pick<LeaseStore, "stage" | "commit">;
  /** Takes a copy of a reply, to be sent when flushed; false if there is no socket just now. */
  readonly send: (service: Service, bytes: Uint8Array, destination: Destination) => boolean;
  /** Hands what was taken to the kernel. */
  readonly flush: () => void;
  readonly stats: DhcpServerStats;
  readonly onEvent: EventSink;
  readonly log: DhcpLog;
  readonly now: () => number;
};

const FAILURE_LOG_MS = 10_000;

/** UDP's length field ends there. */
const MAX_DATAGRAM_BYTES = 65_536;

/** Decisions that wait for the disk; with more than this nothing else is decided until it has them. */
const MAX_UNCOMMITTED = 4096;
const MAX_ACKNOWLEDGED_A_TURN = 64;

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(MESSAGE_TYPE).map(([name, type]) => [type, name.toLowerCase()]),
);

type Decided = readonly [Arrival, Outcome];

/**
 * Takes datagrams to decisions and decisions to replies.
 *
 * What a socket holds is read whole and decided one by one. OFFERs leave at
 * once, ACKs when their leases are durable: those of a burst, and of what comes
 * in while the disk is at work, are committed together.
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #inbox = new Inbox();
  readonly #sampled: SampledEvents;
  readonly #budget = new EventBudget();
  /** When each kind of failure was logged last: a dead link fails every packet alike. */
  readonly #failureTold = new Map<string, number>();
  /** What is being encoded. */
  readonly #reply = new Uint8Array(MAX_DATAGRAM_BYTES);
  #scheduled = false;
  #uncommitted = 0;
  /** What the disk has: to be concluded. */
  #durable: Decided[] = [];

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#sampled = new SampledEvents(options.onEvent);
  }

  /** A datagram came in. */
  receive(bytes: Uint8Array, service: Service, source: Destination): void {
    const { stats, now, isKnown } = this.#options;
    stats.received += 1;
    stats.overflowed += this.#inbox.push({ bytes, service, source, at: now(), known: isKnown(bytes) });
    this.#schedule();
  }

  /** Drops what was received but not answered yet. */
  clear(): void {
    this.#inbox.clear();
    this.#durable = [];
  }

  /** Counts and logs a failure of the surroundings. */
  fail(error: unknown, message: string): void {
    const { stats, log, device, now } = this.#options;
    stats.failed += 1;
    const at = now();
    if (at < (this.#failureTold.get(message) ?? -Infinity) + FAILURE_LOG_MS) return;
    this.#failureTold.set(message, at);
    log.error({ interface: device, err: error, failed: stats.failed }, message);
  }

  /** A little of each: what else the relay does goes on in between, and no receiver is flooded with replies. */
  readonly #turn = (): void => {
    this.#scheduled = false;
    this.#acknowledge();
    const isDiskBehind = this.#uncommitted > MAX_UNCOMMITTED;
    if (!isDiskBehind) this.#answer();
    this.#options.flush();
    // What waits for the disk brings a turn by itself.
    if (this.#durable.length > 0 || !(this.#inbox.isEmpty || isDiskBehind)) this.#schedule();
  };

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  #acknowledge(): void {
    for (const [arrival, outcome] of this.#durable.splice(0, MAX_ACKNOWLEDGED_A_TURN)) {
      try {
        this.#conclude(arrival, outcome);
      } catch (error) {
        this.fail(error, "a packet could not be handled");
      }
    }
  }

  #answer(): void {
    const { stats, now } = this.#options;
    const { arrivals, dropped } = this.#inbox.take(now());
    stats.overflowed += dropped;
    const toCommit: Decided[] = [];
    for (const arrival of arrivals) {
      try {
        const outcome = this.#decide(arrival);
        if (outcome === undefined) continue;
        // An OFFER promises nothing: it does not wait for the disk.
        if (outcome.changes.length === 0) this.#conclude(arrival, outcome);
        else toCommit.push([arrival, outcome]);
      } catch (error) {
        this.fail(error, "a packet could not be handled");
      }
    }
    if (toCommit.length > 0) void this.#makeDurable(toCommit);
  }

  /** Never rejects. */
  async #makeDurable(decided: readonly Decided[]): Promise<void> {
    this.#uncommitted += decided.length;
    const isDurable = await this.commit();
    this.#uncommitted -= decided.length;
    if (isDurable) this.#durable.push(...decided);
    else this.#options.stats.failed += decided.length;
    this.#schedule();
  }

  /** Makes what is staged durable; false if the disk did not take it. Never rejects. */
  async commit(): Promise<boolean> {
    try {
      await this.#options.leases.commit();
      return true;
    } catch (error) {
      this.fail(error, "leases could not be written, so they are not acknowledged");
      return false;
    }
  }

  #decide(arrival: Arrival): Outcome | undefined {
    const { stats, handle, leases } = this.#options;
    const packet = this.#readRequest(arrival.bytes);
    if (packet === undefined) return undefined;
    const type = TYPE_NAMES.get(getU8(packet, OPTION.MESSAGE_TYPE) ?? 0) ?? "other";
    stats.receivedByType.set(type, (stats.receivedByType.get(type) ?? 0) + 1);
    const outcome = handle(packet, arrival);
    // Shown to the next packet of this turn already.
    for (const change of outcome.changes) leases.stage(change);
    if (outcome.kind === "reply" || outcome.event !== null) return outcome;
    stats.ignored += 1;
    const mac = packet.chaddr.length === 0 ? null : formatMac(packet.chaddr);
    const name = outcome.reason === "pool-exhausted" ? "pool-exhausted" : "ignored";
    this.#ignore(name, outcome.reason, mac, outcome.detail);
    return undefined;
  }

  /** Never throws; what is not a request is counted and dropped. */
  #readRequest(bytes: Uint8Array): DhcpPacket | undefined {
    const { stats } = this.#options;
    try {
      const packet = decode(bytes);
      if (packet.op === 1) return packet;
      stats.malformed += 1;
      this.#ignore("ignored", "not-a-request", null, {});
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      stats.malformed += 1;
      this.#ignore("ignored", error.code, null, {});
    }
    return undefined;
  }

  #ignore(name: "ignored" | "pool-exhausted", reason: string, mac: string | null, detail: EventDetail): void {
    const { log, device, now, stats } = this.#options;
    stats.ignoredByReason.set(reason, (stats.ignoredByReason.get(reason) ?? 0) + 1);
    if (!this.#sampled.report(name, reason, mac, now(), detail)) return;
    const fields = { interface: device, mac, reason, ...detail };
    if (name === "pool-exhausted") log.warn(fields, "no free address");
    else if (reason === "port-limit") log.warn(fields, "a switch port holds as many addresses as it may");
    else log.debug(fields, "DHCP packet ignored");
  }

  #conclude(arrival: Arrival, outcome: Outcome): void {
    const { stats, log, device, onEvent, now } = this.#options;
    const { event } = outcome;
    if (outcome.kind === "reply" && !this.#send(arrival, outcome)) return;
    if (event === null) return;
    stats[event.name as Exclude<keyof DhcpServerStats, "ignoredByReason" | "receivedByType">] += 1;
    if (!arrival.known && !this.#budget.take(now())) {
      stats.untold += 1;
      return;
    }
    const level = event.name === "refused" || event.name === "declined" ? "info" : "debug";
    log[level]({ interface: device, mac: event.mac, ...event.detail }, `DHCP ${event.name}`);
    onEvent(event);
  }

  /** Returns whether the reply is on its way. */
  #send(
    { service }: Arrival,
    { packet, maxBytes, destination }: Extract<Outcome, { kind: "reply" }>,
  ): boolean {
    try {
      const bytes = encode(packet, { maxBytes, into: this.#reply });
      return this.#options.send(service, bytes, destination);
    } catch (error) {
      this.fail(error, "a reply could not be encoded");
      return false;
    }
  }
}

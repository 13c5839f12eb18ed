import type { RemoteInfo, Socket } from "node:dgram";
import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { EventDetail, EventSink } from "../../core/relay-protocol/events.ts";
import { encode } from "../../core/tftp-packet/encode.ts";
import { OPCODE, type TftpRequest } from "../../core/tftp-packet/packet.ts";
import { createFileRoot } from "../boot-files/file-root.ts";
import { aborted } from "../stop-stack.ts";
import { createBudget } from "./budget.ts";
import { createClientTransfers } from "./client-transfers.ts";
import { createFileStore, withFallback, type ContentStore } from "./content-store.ts";
import { noTftpCounts, type TftpCounts } from "./counts.ts";
import { decodeOrUndefined } from "./datagram.ts";
import { bindError, TftpError } from "./errors.ts";
import { DEFAULT_TFTP_LIMITS, patienceUnheardMs, type TftpLimits } from "./limits.ts";
import { MALFORMED, READ_ONLY, UNAVAILABLE, type Refusal } from "./refusal.ts";
import { startSession, type Session, type SessionEnd } from "./session.ts";
import { printableName } from "./printable-name.ts";
import { openSocket } from "./socket.ts";
import { createTransferSockets, type TftpPeer, type TransferSockets } from "./transfer-sockets.ts";

/** Refusals told a minute, in events and in the log: a flood of requests must not become one of events. */
const REFUSALS_TOLD_PER_MINUTE = 300;

/** The part of a pino logger that is used. */
type TftpLog = Record<
  "debug" | "info" | "warn" | "error",
  (fields: Record<string, unknown>, message: string) => void
>;

export type TftpServerOptions = {
  /** Folder of boot files; see `openFileRoot` for what is served of it. May appear later. */
  readonly root: string;
  /** Asked first; what it does not know comes from the root. */
  readonly virtualFiles?: ContentStore;
  /** The interface's own address: requests to others are not seen, and answers leave from it. */
  readonly address: Ipv4;
  /** 69; another for `pxedge dev`; 0 takes a free one, which `start` tells. */
  readonly port: number;
  /** Of the interface, in bytes: no block is larger than it carries in one piece. */
  readonly mtuBytes: number;
  readonly onEvent: EventSink;
  /** The client's MAC as observed; `null` when it cannot be told. */
  readonly macOf: (ip: Ipv4) => Mac | null;
  /** Whether a client is served at all: no answer goes off-site, where sources are forged. */
  readonly isServed: (ip: Ipv4) => boolean;
  readonly log: TftpLog;
  readonly limits?: Partial<TftpLimits>;
  /** Counted on, so that a server that is started anew goes on where the last one was. */
  readonly counts?: TftpCounts;
  /** Told how long each transfer of a whole file took. */
  readonly onSent?: (seconds: number) => void;
};

type TftpStats = Readonly<TftpCounts> & {
  /** Transfers running now. */
  readonly active: number;
};

/** What a started server has. */
type Service = {
  readonly socket: Socket;
  readonly store: ContentStore;
  readonly sockets: TransferSockets;
};

export type TftpServer = {
  /** @throws TftpError with a sentence that says what to do */
  start(): Promise<{ readonly port: number }>;
  /**
   * Takes no more requests, lets transfers go on until `cut` aborts, then ends
   * them and closes every socket. Who asks meanwhile hears nothing, so that it
   * asks again, and finds the next relay.
   *
   * @param cut at once by default
   */
  stop(cut?: AbortSignal): Promise<void>;
  stats(): TftpStats;
};

/**
 * A read-only TFTP server for firmware (RFC 1350, 2347, 2348, 2349, 7440) on
 * one address. Each transfer has a socket of its own, hence a port of its own.
 *
 * @example const tftp = createTftpServer({ root: "/usr/lib/ipxe", address: "192.168.77.1", port: 69, … });
 *          await tftp.start();
 */
export function createTftpServer(options: TftpServerOptions): TftpServer {
  const { address, port, log } = options;
  const limits: TftpLimits = { ...DEFAULT_TFTP_LIMITS, ...options.limits };
  const sessions = new Map<string, Session>();
  /** Those replaced but not yet closed included. */
  const running = new Set<Promise<void>>();
  const ofClients = createClientTransfers(patienceUnheardMs(limits));
  const tellable = createBudget(REFUSALS_TOLD_PER_MINUTE, 60_000);
  const counts = options.counts ?? noTftpCounts();
  let current: Service | undefined;
  let isDraining = false;

  function receive(service: Service, datagram: Uint8Array, from: RemoteInfo): void {
    if (!options.isServed(from.address)) {
      counts.ignored++;
      return;
    }
    const peer: TftpPeer = { address: from.address, port: from.port };
    const packet = decodeOrUndefined(datagram);
    if (packet === undefined && isRequest(datagram)) refuse(service, peer, "", MALFORMED);
    else if (packet === undefined) counts.ignored++;
    else if (packet.kind === "rrq") read(service, datagram, packet, peer);
    else if (packet.kind === "wrq") refuse(service, peer, packet.filename, READ_ONLY);
    else counts.ignored++;
  }

  function read(service: Service, datagram: Uint8Array, request: TftpRequest, peer: TftpPeer): void {
    const key = `${peer.address}:${peer.port}`;
    const known = sessions.get(key);
    if (known !== undefined) {
      if (known.repeated(datagram) === "same") return;
      known.abandon("the client asked anew from the same port");
      sessions.delete(key);
    }
    if (isDraining) {
      counts.ignored++;
      return;
    }
    const ofClient = ofClients.count(peer.address);
    if (
      running.size >= limits.maxTransfers ||
      ofClient.all >= limits.maxTransfersPerClient ||
      ofClient.unheard >= limits.maxUnheardPerClient
    ) {
      counts.limited++;
      if (tellable.take(performance.now())) {
        const about = { ip: peer.address, mac: options.macOf(peer.address), running: running.size, ofClient };
        log.warn(about, "tftp: too many transfers, dropped");
      }
      return;
    }
    const session = startSession({
      datagram: Uint8Array.from(datagram),
      request,
      peer,
      store: service.store,
      sockets: service.sockets,
      mtuBytes: options.mtuBytes,
      limits,
    });
    sessions.set(key, session);
    ofClients.add(peer.address, session);
    const done = session.ended.then((end) => {
      running.delete(done);
      const isReplaced = sessions.get(key) !== session;
      if (!isReplaced) sessions.delete(key);
      ofClients.remove(peer.address, session, isReplaced);
      conclude(service, peer, request.filename, end);
    });
    running.add(done);
  }

  function conclude(service: Service, peer: TftpPeer, filename: string, end: SessionEnd): void {
    const file = printableName(filename);
    switch (end.kind) {
      case "dropped":
        return;
      case "refused":
        refuse(service, peer, filename, end.refusal);
        return;
      case "broken":
        log.error(
          { ip: peer.address, mac: options.macOf(peer.address), file, err: end.error },
          "tftp: cannot serve",
        );
        refuse(service, peer, filename, UNAVAILABLE);
        return;
      case "probed":
        tell("probed", peer, { file });
        break;
      case "sent":
        tell("sent", peer, { file, ...statistics(end) });
        options.onSent?.(end.durationMs / 1000);
        break;
      case "failed":
        tell("failed", peer, { file, reason: end.reason, ...statistics(end) });
        break;
    }
    counts[end.kind]++;
    counts.bytes += end.counts.bytes;
    counts.resent += end.counts.resent;
  }

  function refuse(service: Service, peer: TftpPeer, filename: string, refusal: Refusal): void {
    counts.refused++;
    // The listening socket is closed while the last sessions end.
    if (service === current) {
      const { code, message } = refusal;
      service.socket.send(encode({ kind: "error", code, message }), peer.port, peer.address);
    }
    if (!tellable.take(performance.now())) return;
    const file = printableName(filename);
    if (refusal.advice !== undefined) {
      log.warn({ file, ip: peer.address, mac: options.macOf(peer.address) }, `tftp: ${refusal.advice}`);
    }
    tell("refused", peer, { file, code: refusal.code, reason: refusal.reason });
  }

  function tell(name: "sent" | "probed" | "refused" | "failed", peer: TftpPeer, detail: EventDetail): void {
    const mac = options.macOf(peer.address);
    const level = name === "failed" ? "warn" : "info";
    log[level]({ ip: peer.address, mac, ...detail }, `tftp: ${name}`);
    options.onEvent({ mac, stage: "tftp", name, detail });
  }

  return {
    async start() {
      const files = createFileStore(createFileRoot(options.root), limits);
      const { virtualFiles } = options;
      const store = virtualFiles === undefined ? files : withFallback(virtualFiles, files);
      const socket = await openListeningSocket(address, port);
      const service: Service = { socket, store, sockets: createTransferSockets(address) };
      current = service;
      isDraining = false;
      socket.on("message", (datagram, from) => {
        try {
          receive(service, datagram, from);
        } catch (error) {
          counts.ignored++;
          log.error({ ip: from.address, err: error }, "tftp: a request could not be handled");
        }
      });
      socket.on("error", (error) => log.error({ err: error }, "tftp: the socket failed"));
      return { port: socket.address().port };
    },
    async stop(cut = AbortSignal.abort()) {
      isDraining = true;
      while (running.size > 0 && !cut.aborted) await Promise.race([aborted(cut), ...running]);
      const service = current;
      current = undefined;
      service?.socket.close();
      for (const session of sessions.values()) session.abandon("the relay stopped");
      await Promise.all(running);
      service?.sockets.close();
    },
    stats: () => ({ active: running.size, ...counts }),
  };
}

/** What is told of a transfer, whichever way it ended. */
function statistics(end: Extract<SessionEnd, { readonly counts: unknown }>): EventDetail {
  const { blockSizeBytes, windowSize } = end.negotiated;
  return { ...end.counts, durationMs: end.durationMs, blockSizeBytes, windowSize };
}

function isRequest(datagram: Uint8Array): boolean {
  return datagram[0] === 0 && (datagram[1] === OPCODE.RRQ || datagram[1] === OPCODE.WRQ);
}

async function openListeningSocket(address: Ipv4, port: number): Promise<Socket> {
  if (address === "0.0.0.0") {
    throw new TftpError(
      "tftp-address",
      "TFTP needs one interface's own address, not 0.0.0.0: answers must leave from the address that was asked.",
    );
  }
  try {
    return await openSocket(address, port);
  } catch (error) {
    throw bindError(address, port, error);
  }
}

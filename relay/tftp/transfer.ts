import { encode } from "../../core/tftp-packet/encode.ts";
import type { Negotiated } from "../../core/tftp-packet/negotiate.ts";
import { ERROR_CODE, OPCODE, type TftpFailure, type TftpPacket } from "../../core/tftp-packet/packet.ts";
import {
  acknowledge,
  expire,
  repeatRequest,
  startSender,
  type SenderState,
  type SenderStep,
} from "../../core/tftp-packet/sender.ts";
import type { Content } from "./content.ts";
import { decodeOrUndefined } from "./datagram.ts";
import { resendIntervalMs, type TftpLimits } from "./limits.ts";
import { MAX_SEND_BYTES, type TftpPeer, type TransferSockets } from "./transfer-sockets.ts";

/** ERROR 5s a transfer answers strangers with, so that nobody can have it answer for ever. */
const MAX_STRANGERS_ANSWERED = 16;

/** Opcode and block of a DATA. */
const DATA_HEADER_BYTES = 4;

/** Where a flight is laid out before it is sent, which happens in the same turn. */
const outgoing = Buffer.alloc(MAX_SEND_BYTES);

/** How a transfer ended. */
export type TransferEnd =
  | { readonly kind: "sent" }
  /** The client asked for the size and left, in whichever way. */
  | { readonly kind: "probed" }
  | { readonly kind: "failed"; readonly reason: string };

/** What a transfer did. */
export type TransferCounts = {
  /** Blocks of the file that the client acknowledged. */
  readonly blocks: number;
  /** Bytes of the file that the client acknowledged. */
  readonly bytes: number;
  /** Blocks that were sent more than once. */
  readonly resent: number;
};

export type TransferOptions = {
  readonly sockets: TransferSockets;
  readonly peer: TftpPeer;
  /** Closed with the transfer. */
  readonly content: Content;
  readonly negotiated: Negotiated;
  readonly limits: TftpLimits;
  /** Called once; the socket and the content are closed by then. */
  readonly onEnd: (end: TransferEnd, counts: TransferCounts) => void;
};

/** One running transfer. */
export type Transfer = {
  /** The client sent something to this transfer's port, which nobody can who forges its address. */
  isHeard(): boolean;
  /** The client was heard, and has then let a re-send interval pass. */
  isSilent(): boolean;
  /** The client sent its request again. */
  repeatRequest(): void;
  /** Ends it from outside, for `reason`, unless it was but a probe. */
  abandon(reason: string): void;
};

/**
 * Runs a transfer to its end: drives core's state machine with a socket, a
 * timer and a file.
 *
 * @throws NetError where there is no socket to be had; the content is not closed then
 */
export function startTransfer(options: TransferOptions): Transfer {
  const { peer, content, negotiated, limits } = options;
  const { blockSizeBytes } = negotiated;
  const socket = options.sockets.open(peer, DATA_HEADER_BYTES + blockSizeBytes, {
    onPeer: (datagram) => guard(() => onPeer(datagram)),
    onStranger: (datagram, from) => guard(() => answerStranger(datagram, from)),
    onError: (error) => finish({ kind: "failed", reason: `the socket failed: ${error.message}` }),
  });
  let state: SenderState;
  let ended = false;
  let isPeerHeard = false;
  let timer: NodeJS.Timeout | undefined;
  let timerMs = 0;
  /** Counts flights, so that one that waited for the disk knows whether it is still wanted. */
  let flight = 0;
  let highestSent = 0;
  let resent = 0;
  let strangersAnswered = 0;
  /** A failed send is a lost packet; the reason is told if the transfer fails of it. */
  let sendError: string | undefined;

  function send(packet: TftpPacket): void {
    const bytes = Buffer.from(encode(packet).buffer);
    sendError = socket.send(bytes, bytes.length) ?? sendError;
  }

  /** Lays a block's DATA out at `at`; returns where it ends. */
  function layOut(block: number, at: number): number {
    const start = (block - 1) * blockSizeBytes;
    const end = Math.min(start + blockSizeBytes, content.sizeBytes);
    outgoing[at] = 0;
    outgoing[at + 1] = OPCODE.DATA;
    outgoing[at + 2] = (block >>> 8) & 0xff;
    outgoing[at + 3] = block & 0xff;
    content.copy(start, end, outgoing, at + DATA_HEADER_BYTES);
    return at + DATA_HEADER_BYTES + end - start;
  }

  function sendFlight(first: number, last: number): void {
    for (let block = first; block <= last;) {
      const stop = Math.min(last, block + socket.maxDatagrams - 1);
      let length = 0;
      while (block <= stop) length = layOut(block++, length);
      sendError = socket.send(outgoing, length) ?? sendError;
    }
    resent += Math.max(0, Math.min(last, highestSent) - first + 1);
    highestSent = Math.max(highestSent, last);
    armTimer();
  }

  function sendBlocks(first: number, last: number): void {
    const thisFlight = ++flight;
    const end = Math.min(last * blockSizeBytes, content.sizeBytes);
    const loading = content.load((first - 1) * blockSizeBytes, end);
    if (loading === undefined) {
      sendFlight(first, last);
      return;
    }
    // A slow disk is not the client's silence.
    clearTimeout(timer);
    timer = undefined;
    loading.then(
      () => {
        if (!ended && thisFlight === flight) sendFlight(first, last);
      },
      (error: unknown) => {
        if (ended) return;
        send({ kind: "error", code: ERROR_CODE.NOT_DEFINED, message: "the file cannot be read" });
        finish({ kind: "failed", reason: `reading failed: ${String(error)}` });
      },
    );
  }

  function armTimer(): void {
    const backedOffMs = resendIntervalMs(limits, state.resends);
    // The client's own interval holds once it was heard; a forged request must not set how long it lasts.
    const intervalMs = state.heard ? (negotiated.timeoutMs ?? backedOffMs) : backedOffMs;
    if (timer !== undefined && timerMs === intervalMs) {
      timer.refresh();
      return;
    }
    clearTimeout(timer);
    timerMs = intervalMs;
    timer = setTimeout(() => apply(expire(state)), intervalMs);
  }

  function apply(step: SenderStep): void {
    state = step.state;
    const { action } = step;
    switch (action.kind) {
      case "send-oack":
        send({ kind: "oack", options: negotiated.accepted });
        armTimer();
        break;
      case "send-blocks":
        sendBlocks(action.first, action.last);
        break;
      case "wait":
        break;
      case "finish":
        finish({ kind: "sent" });
        break;
      case "give-up":
        leave(silence());
        break;
    }
  }

  function silence(): string {
    const cause = sendError === undefined ? "" : ` (sending failed: ${sendError})`;
    if (state.sent === 0) return `the client did not answer the OACK${cause}`;
    if (state.sent === state.lastBlock) {
      return `the last ACK did not come; the client may have the file${cause}`;
    }
    return `the client fell silent after block ${state.acknowledged} of ${state.lastBlock}${cause}`;
  }

  /** The client is gone: with the size alone, or in the middle of the file. */
  function leave(reason: string): void {
    const probed = state.sent === 0 && negotiated.sizeAsked;
    finish(probed ? { kind: "probed" } : { kind: "failed", reason });
  }

  function finish(end: TransferEnd): void {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    const counts: TransferCounts = {
      blocks: state.acknowledged,
      bytes: Math.min(state.acknowledged * blockSizeBytes, content.sizeBytes),
      resent,
    };
    socket.close();
    content.close().then(
      () => options.onEnd(end, counts),
      (error: unknown) =>
        options.onEnd({ kind: "failed", reason: `closing failed: ${String(error)}` }, counts),
    );
  }

  function onPeer(datagram: Uint8Array): void {
    isPeerHeard = true;
    const packet = decodeOrUndefined(datagram);
    if (packet?.kind === "ack") apply(acknowledge(state, packet.block));
    else if (packet?.kind === "error") leave(describeClientError(packet));
  }

  /** RFC 1350 section 4: a wrong TID gets ERROR 5 and does not disturb the transfer. */
  function answerStranger(datagram: Uint8Array, from: TftpPeer): void {
    const packet = decodeOrUndefined(datagram);
    // An ERROR is never answered: two servers would not stop.
    if (packet === undefined || packet.kind === "error" || strangersAnswered >= MAX_STRANGERS_ANSWERED)
      return;
    strangersAnswered++;
    const message = "unknown transfer ID";
    socket.sendTo(encode({ kind: "error", code: ERROR_CODE.UNKNOWN_TRANSFER_ID, message }), from);
  }

  /** Nothing that arrives may throw past the loop that takes it. */
  function guard(handle: () => void): void {
    if (ended) return;
    try {
      handle();
    } catch (error) {
      finish({ kind: "failed", reason: `unexpected: ${String(error)}` });
    }
  }

  const opening = startSender({
    sizeBytes: content.sizeBytes,
    blockSizeBytes,
    windowSize: negotiated.windowSize,
    opensWithOack: negotiated.accepted.length > 0,
    maxResends: limits.maxResends,
    maxResendsUnheard: limits.maxResendsUnheard,
  });
  state = opening.state;
  guard(() => apply(opening));

  return {
    isHeard: () => isPeerHeard,
    isSilent: () => state.heard && state.resends > 0,
    repeatRequest() {
      if (!ended) apply(repeatRequest(state));
    },
    abandon(reason) {
      if (!ended) leave(reason);
    },
  };
}

function describeClientError(failure: TftpFailure): string {
  return `the client sent ERROR ${failure.code}: ${failure.message.slice(0, 100)}`;
}

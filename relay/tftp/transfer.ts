import type { RemoteInfo, Socket } from "node:dgram";
import type { Ipv4 } from "../../core/addresses.ts";
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
import type { TftpLimits } from "./limits.ts";

/** ERROR 5s a transfer answers strangers with, so that nobody can have it answer for ever. */
const MAX_STRANGERS_ANSWERED = 16;

/** A client's address and transfer identifier. */
export type TftpPeer = { readonly address: Ipv4; readonly port: number };

/** How a transfer ended. */
export type TransferEnd =
  | { readonly kind: "sent" }
  /** The client asked for the size and left, in whichever way. */
  | { readonly kind: "probed" }
  | { readonly kind: "failed"; readonly reason: string };

/** What a transfer did. */
export type TransferCounts = {
  readonly blocks: number;
  /** Blocks that were sent more than once. */
  readonly resent: number;
  /** Bytes of the file that the client acknowledged. */
  readonly acknowledgedBytes: number;
};

export type TransferOptions = {
  /** Bound, of this transfer alone; closed with it. */
  readonly socket: Socket;
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
  /** The client was heard, and has then let a re-send interval pass. */
  isSilent(): boolean;
  /** The client sent its request again. */
  repeatRequest(): void;
  /** Ends it from outside, for `reason`, unless it was but a probe. */
  abandon(reason: string): void;
};

/** Runs a transfer to its end: drives core's state machine with a socket, a timer and a file. */
export function startTransfer(options: TransferOptions): Transfer {
  const { socket, peer, content, negotiated, limits } = options;
  const { blockSizeBytes } = negotiated;
  let state: SenderState;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let timerMs = 0;
  /** Counts flights, so that one that waited for the disk knows whether it is still wanted. */
  let flight = 0;
  let highestSent = 0;
  let resent = 0;
  let strangersAnswered = 0;
  let sendError: Error | undefined;

  function send(packet: TftpPacket, to: TftpPeer): void {
    socket.send(encode(packet), to.port, to.address, noteSendError);
  }

  /** A failed send is a lost packet; the reason is told if the transfer fails of it. */
  function noteSendError(error: Error | null): void {
    if (error !== null) sendError = error;
  }

  function sendBlock(block: number, onSent: typeof noteSendError | undefined): void {
    const start = (block - 1) * blockSizeBytes;
    const end = Math.min(start + blockSizeBytes, content.sizeBytes);
    const packet = new Uint8Array(4 + end - start);
    packet[1] = OPCODE.DATA;
    packet[2] = (block >>> 8) & 0xff;
    packet[3] = block & 0xff;
    content.copy(start, end, packet, 4);
    socket.send(packet, peer.port, peer.address, onSent);
  }

  function sendFlight(first: number, last: number): void {
    // A callback a block costs a third of the CPU, and matters only where things go wrong.
    const onSent = state.resends > 0 ? noteSendError : undefined;
    for (let block = first; block <= last; block++) sendBlock(block, onSent);
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
        send({ kind: "error", code: ERROR_CODE.NOT_DEFINED, message: "the file cannot be read" }, peer);
        finish({ kind: "failed", reason: `reading failed: ${String(error)}` });
      },
    );
  }

  function armTimer(): void {
    const backedOffMs = Math.min(limits.resendIntervalMs * 2 ** state.resends, limits.maxResendIntervalMs);
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
        send({ kind: "oack", options: negotiated.accepted }, peer);
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
    const cause = sendError === undefined ? "" : ` (sending failed: ${sendError.message})`;
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
      blocks: state.lastBlock,
      resent,
      acknowledgedBytes: Math.min(state.acknowledged * blockSizeBytes, content.sizeBytes),
    };
    socket.close();
    content.close().then(
      () => options.onEnd(end, counts),
      (error: unknown) =>
        options.onEnd({ kind: "failed", reason: `closing failed: ${String(error)}` }, counts),
    );
  }

  function onDatagram(datagram: Uint8Array, from: RemoteInfo): void {
    if (ended) return;
    const packet = decodeOrUndefined(datagram);
    if (packet === undefined) return;
    if (from.port !== peer.port || from.address !== peer.address) {
      answerStranger(packet, from);
    } else if (packet.kind === "ack") {
      apply(acknowledge(state, packet.block));
    } else if (packet.kind === "error") {
      leave(describeClientError(packet));
    }
  }

  /** RFC 1350 section 4: a wrong TID gets ERROR 5 and does not disturb the transfer. */
  function answerStranger(packet: TftpPacket, from: RemoteInfo): void {
    // An ERROR is never answered: two servers would not stop.
    if (packet.kind === "error" || strangersAnswered >= MAX_STRANGERS_ANSWERED) return;
    strangersAnswered++;
    send({ kind: "error", code: ERROR_CODE.UNKNOWN_TRANSFER_ID, message: "unknown transfer ID" }, from);
  }

  socket.on("message", (datagram, from) => {
    try {
      onDatagram(datagram, from);
    } catch (error) {
      finish({ kind: "failed", reason: `unexpected: ${String(error)}` });
    }
  });
  socket.on("error", (error) => finish({ kind: "failed", reason: `the socket failed: ${error.message}` }));
  const opening = startSender({
    sizeBytes: content.sizeBytes,
    blockSizeBytes,
    windowSize: negotiated.windowSize,
    opensWithOack: negotiated.accepted.length > 0,
    maxResends: limits.maxResends,
    maxResendsUnheard: limits.maxResendsUnheard,
  });
  state = opening.state;
  apply(opening);

  return {
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

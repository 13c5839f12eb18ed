import { maxBlockSizeOfMtu, negotiate, type Negotiated } from "../../core/tftp-packet/negotiate.ts";
import { parseMode, type TftpRequest } from "../../core/tftp-packet/packet.ts";
import type { ContentStore } from "./content-store.ts";
import type { TftpLimits } from "./limits.ts";
import { BAD_MODE, refusalOfFile, TOO_LARGE_FOR_NETASCII, type Refusal } from "./refusal.ts";
import type { TftpPeer, TransferSockets } from "./transfer-sockets.ts";
import { startTransfer, type Transfer, type TransferCounts, type TransferEnd } from "./transfer.ts";

/** How a session ended. */
export type SessionEnd =
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** Disk or socket failed before there was a transfer. */
  | { readonly kind: "broken"; readonly error: unknown }
  /** Given up before there was a transfer. */
  | { readonly kind: "dropped" }
  | (TransferEnd & {
      readonly durationMs: number;
      readonly negotiated: Pick<Negotiated, "blockSizeBytes" | "windowSize">;
      readonly counts: TransferCounts;
    });

/** From a read request to the end of what it led to; one for each client address and port. */
export type Session = {
  /** Resolves when everything is closed; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** Whether the client answered the transfer, so that its address is not forged. */
  isHeard(): boolean;
  /** Takes another request from the same port; `replace`: it wants a session of its own. */
  repeated(datagram: Uint8Array): "same" | "replace";
  /** Ends it from outside. */
  abandon(reason: string): void;
};

export type SessionOptions = {
  /** The request as it came, by which a repetition is known. */
  readonly datagram: Uint8Array;
  readonly request: TftpRequest;
  readonly peer: TftpPeer;
  readonly store: ContentStore;
  readonly mtuBytes: number;
  readonly limits: TftpLimits;
  readonly sockets: TransferSockets;
};

/** Opens the file, negotiates and transfers. */
export function startSession(options: SessionOptions): Session {
  const { request, peer, limits } = options;
  let transfer: Transfer | undefined;
  let abandoned = false;

  async function run(): Promise<SessionEnd> {
    const mode = parseMode(request.mode);
    if (mode === undefined) return { kind: "refused", refusal: BAD_MODE };
    const outcome = await options.store.open({
      name: request.filename,
      mode,
      client: peer.address,
    });
    if (abandoned && outcome.kind !== "content") return { kind: "dropped" };
    if (outcome.kind === "too-large-for-netascii") {
      return { kind: "refused", refusal: TOO_LARGE_FOR_NETASCII };
    }
    if (outcome.kind === "refused") return { kind: "refused", refusal: refusalOfFile(outcome) };
    if (outcome.kind === "not-answered") return { kind: "refused", refusal: outcome.refusal };
    const { content } = outcome;
    const negotiated = negotiate(request.options, {
      fileSizeBytes: content.sizeBytes,
      maxBlockSizeBytes: maxBlockSizeOfMtu(options.mtuBytes),
      maxWindowSize: limits.maxWindowSize,
      mode,
    });
    if (abandoned) {
      await content.close();
      return { kind: "dropped" };
    }
    const startedAt = performance.now();
    try {
      return await new Promise((resolve) => {
        transfer = startTransfer({
          sockets: options.sockets,
          peer,
          content,
          negotiated,
          limits,
          onEnd: (end, counts) =>
            resolve({
              ...end,
              durationMs: Math.round(performance.now() - startedAt),
              negotiated,
              counts,
            }),
        });
      });
    } catch (error) {
      await content.close();
      throw error;
    }
  }

  return {
    ended: run().catch((error: unknown): SessionEnd => ({ kind: "broken", error })),
    isHeard: () => transfer?.isHeard() ?? false,
    repeated(datagram) {
      if (Buffer.compare(datagram, options.datagram) !== 0) return "replace";
      // A client that fell silent and asks anew from the same port has restarted: PXE ROMs reuse 2070.
      if (transfer?.isSilent()) return "replace";
      transfer?.repeatRequest();
      return "same";
    },
    abandon(reason) {
      abandoned = true;
      transfer?.abandon(reason);
    },
  };
}

import type { TftpMode, TftpOption } from "./packet.ts";

/** The block size of a client that asks for none, RFC 1350. */
const DEFAULT_BLOCK_SIZE_BYTES = 512;

/** The largest that can be asked for, RFC 2348: what UDP over IPv4 can carry, and some room. */
export const MAX_BLOCK_SIZE_BYTES = 65_464;

/** The IPv4, UDP and TFTP headers of a DATA: 20 + 8 + 4 bytes. */
const HEADERS_BYTES = 32;

/** The largest block that a link carries in one piece, of an MTU in bytes. Fragments are lost on PXE ROMs. */
export function maxBlockSizeOfMtu(mtuBytes: number): number {
  return Math.max(DEFAULT_BLOCK_SIZE_BYTES, Math.min(mtuBytes - HEADERS_BYTES, MAX_BLOCK_SIZE_BYTES));
}

/** What the server can do, for this file and on this link. */
export type TransferLimits = {
  readonly fileSizeBytes: number;
  readonly maxBlockSizeBytes: number;
  readonly maxWindowSize: number;
  readonly mode: TftpMode;
};

/** What holds for the transfer. */
export type Negotiated = {
  /** The options of the OACK, in the order and spelling asked; empty: no OACK, DATA 1 comes first. */
  readonly accepted: readonly TftpOption[];
  readonly blockSizeBytes: number;
  /** Blocks in flight, RFC 7440. */
  readonly windowSize: number;
  /** The client's own re-send interval, or `null` where it leaves that to the server. */
  readonly timeoutMs: number | null;
  /** Whether the client asked for the size: one that leaves after the OACK has only probed it. */
  readonly sizeAsked: boolean;
};

/**
 * Answers the options of a read request (RFC 2347). Unknown and unusable ones
 * are left out, as is a repetition; an answer is never larger than what was
 * asked, since EDK2 aborts on that.
 *
 * @example negotiate([{ name: "blksize", value: "1468" }, { name: "x", value: "1" }], limits)
 *          // { accepted: [{ name: "blksize", value: "1468" }], blockSizeBytes: 1468, … }
 */
export function negotiate(requested: readonly TftpOption[], limits: TransferLimits): Negotiated {
  let blockSizeBytes = DEFAULT_BLOCK_SIZE_BYTES;
  let windowSize = 1;
  let timeoutMs: number | null = null;
  let sizeAsked = false;
  const accepted: TftpOption[] = [];
  const seen = new Set<string>();

  for (const { name, value } of requested) {
    const option = name.toLowerCase();
    if (seen.has(option)) continue;
    seen.add(option);
    const asked = parseDecimal(value);
    if (asked === undefined) continue;
    switch (option) {
      case "blksize": // RFC 2348
        if (asked < 8 || asked > MAX_BLOCK_SIZE_BYTES) continue;
        blockSizeBytes = Math.min(asked, limits.maxBlockSizeBytes);
        accepted.push({ name, value: String(blockSizeBytes) });
        break;
      case "tsize": // RFC 2349; the length of a netascii conversion is not the file's
        if (limits.mode !== "octet") continue;
        sizeAsked = true;
        accepted.push({ name, value: String(limits.fileSizeBytes) });
        break;
      case "timeout": // RFC 2349, in seconds; taken as it is, or not at all
        if (asked < 1 || asked > 255) continue;
        timeoutMs = asked * 1000;
        accepted.push({ name, value: String(asked) });
        break;
      case "windowsize": // RFC 7440
        if (asked < 1 || asked > 0xffff) continue;
        windowSize = Math.min(asked, limits.maxWindowSize);
        accepted.push({ name, value: String(windowSize) });
        break;
      default:
    }
  }
  return { accepted, blockSizeBytes, windowSize, timeoutMs, sizeAsked };
}

/** Digits only, as RFC 2347 has numbers: no sign, no space, no fraction. */
function parseDecimal(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

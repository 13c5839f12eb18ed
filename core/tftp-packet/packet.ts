/** Opcodes, RFC 1350 section 5 and RFC 2347. */
export const OPCODE = { RRQ: 1, WRQ: 2, DATA: 3, ACK: 4, ERROR: 5, OACK: 6 } as const;

/** Error codes, RFC 1350 appendix and RFC 2347. */
export const ERROR_CODE = {
  /** The message says what is the matter. */
  NOT_DEFINED: 0,
  FILE_NOT_FOUND: 1,
  ACCESS_VIOLATION: 2,
  DISK_FULL: 3,
  ILLEGAL_OPERATION: 4,
  UNKNOWN_TRANSFER_ID: 5,
  FILE_EXISTS: 6,
  NO_SUCH_USER: 7,
  /** Sent by a client that wants no transfer after all; EDK2 ends a size probe with it. */
  OPTION_NEGOTIATION: 8,
} as const;

/** An option of a request or an OACK (RFC 2347), spelt as it was sent. */
export type TftpOption = { readonly name: string; readonly value: string };

/**
 * A read or write request.
 *
 *     | opcode 1|2 | filename | 0 | mode | 0 | name | 0 | value | 0 | …
 *
 * `mode` is what was sent; `parseMode` says what it means.
 */
export type TftpRequest = {
  readonly kind: "rrq" | "wrq";
  readonly filename: string;
  readonly mode: string;
  readonly options: readonly TftpOption[];
};

/** `| 3 | block | 0 to 65464 bytes |`; `block` is 16 bits and rolls over to 0. */
type TftpData = { readonly kind: "data"; readonly block: number; readonly data: Uint8Array };

/** `| 4 | block |` */
type TftpAck = { readonly kind: "ack"; readonly block: number };

/** `| 5 | code | message | 0 |` */
export type TftpFailure = { readonly kind: "error"; readonly code: number; readonly message: string };

/** `| 6 | name | 0 | value | 0 | …`, RFC 2347. */
type TftpOack = { readonly kind: "oack"; readonly options: readonly TftpOption[] };

/** Any TFTP message. */
export type TftpPacket = TftpRequest | TftpData | TftpAck | TftpFailure | TftpOack;

/** The transfer modes that are served; `mail` is obsolete (RFC 1350 section 1). */
export type TftpMode = "octet" | "netascii";

/** What a request's mode means, in any case; `undefined` for `mail` and for anything else. */
export function parseMode(text: string): TftpMode | undefined {
  const mode = text.toLowerCase();
  return mode === "octet" || mode === "netascii" ? mode : undefined;
}

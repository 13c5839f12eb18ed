import { PxedgeError } from "../errors.ts";

/**
 * Why bytes are not a TFTP message:
 * - `truncated`: ends before its fixed fields do
 * - `unknown-opcode`: none of 1 to 6
 * - `unterminated-string`: a filename, mode or option without its NUL
 * - `missing-value`: an option's name is the last thing there is
 * - `oversized-data`: a DATA of more than 65,464 bytes, which no block size allows
 */
export type TftpDecodeErrorCode =
  | "truncated"
  | "unknown-opcode"
  | "unterminated-string"
  | "missing-value"
  | "oversized-data";

/** The only error `decode` throws. */
export class TftpDecodeError extends PxedgeError {
  override readonly name = "TftpDecodeError";
  readonly code: TftpDecodeErrorCode;
  /** The byte at which decoding stopped. */
  readonly offset: number;

  constructor(code: TftpDecodeErrorCode, offset: number) {
    super(`not a TFTP message: ${code} at byte ${offset}`);
    this.code = code;
    this.offset = offset;
  }
}

/**
 * Why a packet has no encoding:
 * - `nul-in-string`: a text holds the byte that ends it
 * - `out-of-range`: a block or code that is not 16 bits, or more data than a block may hold
 */
export type TftpEncodeErrorCode = "nul-in-string" | "out-of-range";

/** The only error `encode` throws. */
export class TftpEncodeError extends PxedgeError {
  override readonly name = "TftpEncodeError";
  readonly code: TftpEncodeErrorCode;

  constructor(code: TftpEncodeErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

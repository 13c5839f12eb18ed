/**
 * Why bytes are not a DHCP message:
 * - `too-short`: no room for the fixed fields and the cookie (240 bytes)
 * - `bad-op`: neither 1 nor 2
 * - `bad-hlen`: over 16
 * - `bad-cookie`: BOOTP without options, or something else
 * - `truncated-option`: an option runs past the end of its field
 * - `missing-end`: a field of options without option 255
 * - `bad-overload`: option 52 is not a single 1, 2 or 3 in the options field
 */
export type DecodeErrorCode =
  | "too-short"
  | "bad-op"
  | "bad-hlen"
  | "bad-cookie"
  | "truncated-option"
  | "missing-end"
  | "bad-overload";

/** The only error `decode` throws. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  readonly code: DecodeErrorCode;
  /** The byte at which decoding stopped. */
  readonly offset: number;

  constructor(code: DecodeErrorCode, offset: number) {
    super(`not a DHCP message: ${code} at byte ${offset}`);
    this.code = code;
    this.offset = offset;
  }
}

/**
 * Why a packet has no encoding:
 * - `bad-field`: a fixed field is out of range, or does not fit its place
 * - `bad-option`: a code or value that the wire cannot carry, or a code given twice
 * - `does-not-fit`: more bytes than allowed, overloading included
 */
export type EncodeErrorCode = "bad-field" | "bad-option" | "does-not-fit";

/** The only error `encode` and the option constructors throw. */
export class EncodeError extends Error {
  override readonly name = "EncodeError";
  readonly code: EncodeErrorCode;

  constructor(code: EncodeErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

import { PxedgeError } from "../../core/errors.ts";

/**
 * - `not-iso`: no ISO 9660 file system
 * - `udf-only`: what counts is in UDF, which is not read
 * - `damaged`: the file ends too early, or contradicts itself
 */
export type IsoErrorCode = "not-iso" | "udf-only" | "damaged";

/** An ISO image that cannot be read; the message says what to do. */
export class IsoError extends PxedgeError {
  override readonly name = "IsoError";
  readonly code: IsoErrorCode;

  constructor(code: IsoErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

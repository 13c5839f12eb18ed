import { PxedgeError } from "../../core/errors.ts";

/**
 * - `refused`: the way there leads to a host or an address that the mirror may not fetch from, or round in circles
 * - `unreachable`: no connection, or one that broke before the answer's head
 */
export type MirrorErrorCode = "refused" | "unreachable";

/** A mirror's origin cannot be asked. */
export class MirrorError extends PxedgeError {
  override readonly name = "MirrorError";
  readonly code: MirrorErrorCode;

  constructor(code: MirrorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

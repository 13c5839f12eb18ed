import { PxedgeError } from "../core/errors.ts";

/**
 * - `not-joined`: there are no credentials in the state folder
 * - `credentials-refused`: the control plane does not know them (any more)
 * - `state-dir-in-use`: another relay runs with the state folder
 * - `state-dir-unusable`: it cannot be written, or a file in it is broken
 */
export type RelayErrorCode = "not-joined" | "credentials-refused" | "state-dir-in-use" | "state-dir-unusable";

/** The relay cannot run; the message is one sentence that says what to do. */
export class RelayError extends PxedgeError {
  override readonly name = "RelayError";
  readonly code: RelayErrorCode;

  constructor(code: RelayErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

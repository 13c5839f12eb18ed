import { PxedgeError } from "../../core/errors.ts";

/**
 * - `credentials-unreadable`: the file is there and cannot be used
 * - `credentials-of-another-site`: joining would replace them
 * - `state-dir-unusable`: it cannot be made or written
 * - `join-refused`: the control plane does not take the token
 * - `join-failed`: it could not be asked, or its answer makes no sense
 */
export type ControlPlaneErrorCode =
  | "credentials-unreadable"
  | "credentials-of-another-site"
  | "state-dir-unusable"
  | "join-refused"
  | "join-failed";

/** A relay and its control plane do not come together; the message says what to do. */
export class ControlPlaneError extends PxedgeError {
  override readonly name = "ControlPlaneError";
  readonly code: ControlPlaneErrorCode;

  constructor(code: ControlPlaneErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

import { PxedgeError } from "../../core/errors.ts";

/** The configured addresses do not fit the interface they are for. */
export class DhcpConfigError extends PxedgeError {
  override readonly name = "DhcpConfigError";
  readonly code = "range-outside-subnet";
}

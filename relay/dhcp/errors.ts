import { PxedgeError } from "../../core/errors.ts";

/**
 * The configured addresses do not fit:
 * - `range-outside-subnet`: the interface they are for
 * - `networks-contradict`: each other; the message has a line a problem
 */
export class DhcpConfigError extends PxedgeError {
  override readonly name = "DhcpConfigError";
  readonly code: "range-outside-subnet" | "networks-contradict";

  constructor(code: DhcpConfigError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

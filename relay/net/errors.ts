import { PxedgeError } from "../../core/errors.ts";

/**
 * - `no-such-interface`: the configured name is not among this host's interfaces
 * - `no-address`: the interface has no IPv4 address to answer from
 * - `permission-denied`: the process may not bind the port or the device
 * - `port-in-use`: another socket would receive the same datagrams
 * - `socket-failed`: the kernel refused for another reason, named in the message
 */
export type NetErrorCode =
  | "no-such-interface"
  | "no-address"
  | "permission-denied"
  | "port-in-use"
  | "socket-failed";

/** The network as configured and the network as it is do not fit; the message says what to do. */
export class NetError extends PxedgeError {
  override readonly name = "NetError";
  readonly code: NetErrorCode;

  constructor(code: NetErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

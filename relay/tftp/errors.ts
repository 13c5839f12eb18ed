import { PxedgeError } from "../../core/errors.ts";

/**
 * - `tftp-port-denied`: the process may not bind the port
 * - `tftp-port-in-use`: another program has it
 * - `tftp-address`: the address is not this host's, or names none in particular
 * - `tftp-socket`: the kernel refused for another reason, named in the message
 */
export type TftpErrorCode = "tftp-port-denied" | "tftp-port-in-use" | "tftp-address" | "tftp-socket";

/** The TFTP server cannot start; the message is one sentence that says what to do. */
export class TftpError extends PxedgeError {
  override readonly name = "TftpError";
  readonly code: TftpErrorCode;

  constructor(code: TftpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What an error of `bind` means for the operator. */
export function bindError(address: string, port: number, error: unknown): TftpError {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  const [meaning, advice] = explain(code, port);
  return new TftpError(meaning, `TFTP cannot listen on ${address}:${port} (${code}): ${advice}`, {
    cause: error,
  });
}

function explain(code: string, port: number): [TftpErrorCode, string] {
  switch (code) {
    case "EACCES":
    case "EPERM":
      return [
        "tftp-port-denied",
        "ports below 1024 need CAP_NET_BIND_SERVICE, so run it by the systemd unit in deploy/ or as root, or set tftp.port.",
      ];
    case "EADDRINUSE":
      return [
        "tftp-port-in-use",
        `stop the other TFTP server (\`ss -lunp sport = :${port}\` names it; often dnsmasq or tftpd-hpa), or set tftp.port.`,
      ];
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return [
        "tftp-address",
        "the address is not configured on this host, so check the interface in relay.yaml.",
      ];
    default:
      return ["tftp-socket", "the kernel refused the socket, so look at its reason and the host's limits."];
  }
}

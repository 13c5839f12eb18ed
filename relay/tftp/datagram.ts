import { decode } from "../../core/tftp-packet/decode.ts";
import { TftpDecodeError } from "../../core/tftp-packet/errors.ts";
import type { TftpPacket } from "../../core/tftp-packet/packet.ts";

/** Decodes what came from the network, where anything may come; `undefined` for what is no TFTP. */
export function decodeOrUndefined(datagram: Uint8Array): TftpPacket | undefined {
  try {
    return decode(datagram);
  } catch (error) {
    if (error instanceof TftpDecodeError) return undefined;
    throw error;
  }
}

import { TftpDecodeError } from "./errors.ts";
import { OPCODE, type TftpOption, type TftpPacket, type TftpRequest } from "./packet.ts";
import { MAX_BLOCK_SIZE_BYTES } from "./negotiate.ts";

// Not fatal: a name that is not UTF-8 is a file that does not exist, not a broken datagram.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes one datagram. What clients in the field get wrong without harm is
 * taken: bytes after an ACK's block, an ERROR's message without its NUL.
 * `data` of a DATA is a view of `bytes`.
 *
 * @throws TftpDecodeError, and nothing else
 */
export function decode(bytes: Uint8Array): TftpPacket {
  const opcode = readUint16(bytes, 0);
  switch (opcode) {
    case OPCODE.RRQ:
      return decodeRequest("rrq", bytes);
    case OPCODE.WRQ:
      return decodeRequest("wrq", bytes);
    case OPCODE.DATA: {
      const block = readUint16(bytes, 2);
      if (bytes.length > 4 + MAX_BLOCK_SIZE_BYTES) {
        throw new TftpDecodeError("oversized-data", 4 + MAX_BLOCK_SIZE_BYTES);
      }
      return { kind: "data", block, data: bytes.subarray(4) };
    }
    case OPCODE.ACK:
      return { kind: "ack", block: readUint16(bytes, 2) };
    case OPCODE.ERROR: {
      const code = readUint16(bytes, 2);
      const end = bytes.indexOf(0, 4);
      return { kind: "error", code, message: utf8.decode(bytes.subarray(4, end === -1 ? undefined : end)) };
    }
    case OPCODE.OACK:
      return { kind: "oack", options: decodeOptions(bytes, 2) };
    default:
      throw new TftpDecodeError("unknown-opcode", 0);
  }
}

function decodeRequest(kind: "rrq" | "wrq", bytes: Uint8Array): TftpRequest {
  const filename = readString(bytes, 2);
  const mode = readString(bytes, filename.end);
  return { kind, filename: filename.text, mode: mode.text, options: decodeOptions(bytes, mode.end) };
}

function decodeOptions(bytes: Uint8Array, offset: number): TftpOption[] {
  const options: TftpOption[] = [];
  for (let at = offset; at < bytes.length;) {
    const name = readString(bytes, at);
    if (name.end === bytes.length) throw new TftpDecodeError("missing-value", name.end);
    const value = readString(bytes, name.end);
    options.push({ name: name.text, value: value.text });
    at = value.end;
  }
  return options;
}

/** The text from `offset` to its NUL; `end` is the byte after that. */
function readString(bytes: Uint8Array, offset: number): { text: string; end: number } {
  const nul = bytes.indexOf(0, offset);
  if (nul === -1) throw new TftpDecodeError("unterminated-string", bytes.length);
  return { text: utf8.decode(bytes.subarray(offset, nul)), end: nul + 1 };
}

function readUint16(bytes: Uint8Array, offset: number): number {
  if (bytes.length < offset + 2) throw new TftpDecodeError("truncated", bytes.length);
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

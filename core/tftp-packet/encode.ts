import { TftpEncodeError } from "./errors.ts";
import { MAX_BLOCK_SIZE_BYTES } from "./negotiate.ts";
import { OPCODE, type TftpOption, type TftpPacket } from "./packet.ts";

const utf8 = new TextEncoder();

/**
 * Encodes one message.
 *
 * @throws TftpEncodeError, and nothing else
 */
export function encode(packet: TftpPacket): Uint8Array<ArrayBuffer> {
  switch (packet.kind) {
    case "rrq":
      return encodeStrings(OPCODE.RRQ, [packet.filename, packet.mode, ...flatten(packet.options)]);
    case "wrq":
      return encodeStrings(OPCODE.WRQ, [packet.filename, packet.mode, ...flatten(packet.options)]);
    case "oack":
      return encodeStrings(OPCODE.OACK, flatten(packet.options));
    case "ack":
      return encodeNumbered(OPCODE.ACK, packet.block, 0);
    case "data": {
      if (packet.data.length > MAX_BLOCK_SIZE_BYTES) {
        throw new TftpEncodeError("out-of-range", `a block holds ${MAX_BLOCK_SIZE_BYTES} bytes at most`);
      }
      const bytes = encodeNumbered(OPCODE.DATA, packet.block, packet.data.length);
      bytes.set(packet.data, 4);
      return bytes;
    }
    case "error": {
      const message = encodeString(packet.message);
      const bytes = encodeNumbered(OPCODE.ERROR, packet.code, message.length + 1);
      bytes.set(message, 4);
      return bytes;
    }
  }
}

function flatten(options: readonly TftpOption[]): string[] {
  return options.flatMap((option) => [option.name, option.value]);
}

/** Opcode, then each text and its NUL. */
function encodeStrings(opcode: number, texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const parts = texts.map(encodeString);
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length + 1, 2));
  bytes[1] = opcode;
  let at = 2;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length + 1;
  }
  return bytes;
}

/** Opcode, a 16-bit number, and room for what follows. */
function encodeNumbered(opcode: number, number: number, room: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(number) || number < 0 || number > 0xffff) {
    throw new TftpEncodeError("out-of-range", `${number} is not a 16-bit number`);
  }
  const bytes = new Uint8Array(4 + room);
  bytes[1] = opcode;
  bytes[2] = number >>> 8;
  bytes[3] = number & 0xff;
  return bytes;
}

function encodeString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new TftpEncodeError("nul-in-string", "a TFTP string ends at its first NUL");
  return utf8.encode(text);
}

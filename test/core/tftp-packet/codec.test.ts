import { describe, expect, test } from "vitest";
import { formatHex, parseHex } from "../../../core/bytes.ts";
import {
  decode,
  encode,
  encodeNetascii,
  parseMode,
  TftpDecodeError,
  TftpEncodeError,
  type TftpPacket,
} from "../../../core/tftp-packet/index.ts";

const ascii = (text: string) => Array.from(new TextEncoder().encode(text));
const bytes = (...parts: (number | string)[]) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? ascii(part) : part)));

/** What EDK2 and iPXE put on the wire, and what they mean. */
const PACKETS: readonly [name: string, hex: string, packet: TftpPacket][] = [
  [
    "RRQ without options",
    formatHex(bytes(0, 1, "undionly.kpxe\0octet\0")),
    { kind: "rrq", filename: "undionly.kpxe", mode: "octet", options: [] },
  ],
  [
    "RRQ of EDK2",
    formatHex(bytes(0, 1, "snponly.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0")),
    {
      kind: "rrq",
      filename: "snponly.efi",
      mode: "octet",
      options: [
        { name: "tsize", value: "0" },
        { name: "blksize", value: "1468" },
        { name: "windowsize", value: "4" },
      ],
    },
  ],
  [
    "WRQ",
    formatHex(bytes(0, 2, "x\0netascii\0")),
    { kind: "wrq", filename: "x", mode: "netascii", options: [] },
  ],
  ["DATA", "0003ffff4d5a", { kind: "data", block: 65535, data: Uint8Array.of(0x4d, 0x5a) }],
  ["an empty DATA", "00030002", { kind: "data", block: 2, data: new Uint8Array() }],
  ["ACK", "00040102", { kind: "ack", block: 258 }],
  ["ERROR", "000500016e6f00", { kind: "error", code: 1, message: "no" }],
  [
    "OACK",
    formatHex(bytes(0, 6, "blksize\x001428\0")),
    { kind: "oack", options: [{ name: "blksize", value: "1428" }] },
  ],
];

/** Any other error is the test's failure. */
function decodeOrError(cut: Uint8Array): TftpPacket | TftpDecodeError {
  try {
    return decode(cut);
  } catch (error) {
    if (error instanceof TftpDecodeError) return error;
    throw error;
  }
}

describe("decode and encode", () => {
  test.each(PACKETS)("%s", (_name, hex, packet) => {
    expect(decode(parseHex(hex)!)).toEqual(packet);
    expect(formatHex(encode(packet))).toBe(hex);
  });

  test.each(PACKETS)("%s, cut at every byte, is a packet or a TftpDecodeError", (_name, hex) => {
    const whole = parseHex(hex)!;
    for (let length = 0; length < whole.length; length++) {
      const outcome = decodeOrError(whole.slice(0, length));
      // What still decodes says no more than what is there; an ERROR may lack its NUL.
      const reach = outcome instanceof TftpDecodeError ? outcome.offset : encode(outcome).length - 1;
      expect(reach).toBeLessThanOrEqual(length);
    }
  });

  test.each([
    ["nothing", "", "truncated", 0],
    ["one byte", "00", "truncated", 1],
    ["opcode 0", "0000", "unknown-opcode", 0],
    ["opcode 7", "000700", "unknown-opcode", 0],
    ["a filename without its NUL", "000161", "unterminated-string", 3],
    ["no mode", "00016100", "unterminated-string", 4],
    ["an option without a value", formatHex(bytes(0, 1, "a\0octet\0blksize\0")), "missing-value", 18],
    ["an ACK without a block", "000401", "truncated", 3],
  ])("%s is refused", (_name, hex, code, offset) => {
    expect(() => decode(parseHex(hex)!)).toThrow(expect.objectContaining({ code, offset }));
  });

  test("a DATA larger than any block is refused", () => {
    const data = new Uint8Array(4 + 65_465);
    data[1] = 3;
    expect(() => decode(data)).toThrow(expect.objectContaining({ code: "oversized-data", offset: 65_468 }));
    expect(decode(data.subarray(0, -1))).toMatchObject({ kind: "data", block: 0 });
  });

  test("harmless mistakes of clients are taken: a padded ACK, an ERROR without its NUL", () => {
    expect(decode(parseHex("0004000100000000")!)).toEqual({ kind: "ack", block: 1 });
    expect(decode(parseHex("000500084162")!)).toEqual({ kind: "error", code: 8, message: "Ab" });
  });

  test("what has no encoding is refused", () => {
    const nul: TftpPacket = { kind: "rrq", filename: "a\0b", mode: "octet", options: [] };
    expect(() => encode(nul)).toThrow(TftpEncodeError);
    expect(() => encode({ kind: "ack", block: 65_536 })).toThrow(
      expect.objectContaining({ code: "out-of-range" }),
    );
    expect(() => encode({ kind: "data", block: 1, data: new Uint8Array(65_465) })).toThrow(
      expect.objectContaining({ code: "out-of-range" }),
    );
  });
});

test("T44 modes are read in any case, and mail is none", () => {
  expect(["octet", "OCTET", "NetASCII", "mail", "binary", ""].map(parseMode)).toEqual([
    "octet",
    "octet",
    "netascii",
    undefined,
    undefined,
    undefined,
  ]);
});

test("T44 netascii: LF becomes CR LF, CR becomes CR NUL, the rest stays", () => {
  expect(encodeNetascii(bytes("a\nb\rc\r\n\xe4"))).toEqual(bytes("a\r\nb\r\0c\r\0\r\n\xe4"));
  expect(encodeNetascii(new Uint8Array())).toEqual(new Uint8Array());
});

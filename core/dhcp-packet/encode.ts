import { EncodeError } from "./errors.ts";
import { CHADDR_BYTES, END, FIELD, FILE_BYTES, MAGIC_COOKIE, OVERLOAD, PAD, SNAME_BYTES } from "./layout.ts";
import { writeIpv4 } from "./option-ipv4.ts";
import { OPTION } from "./option-code.ts";
import type { DhcpOption, DhcpPacket } from "./packet.ts";

export type EncodeOptions = {
  /** Most bytes of the UDP payload; unbounded by default. */
  readonly maxBytes?: number;
  /** Where to write; a buffer of its own by default. The result is a view of it. */
  readonly into?: Uint8Array<ArrayBuffer>;
};

/** BOOTP's message length (RFC 1542 section 2.1), under which some relays and ROMs drop a reply. */
const MIN_BYTES = 300;
const MAX_PIECE_BYTES = 255;
const OPTION_HEADER_BYTES = 2;
const OVERLOAD_OPTION_BYTES = 3;
const END_BYTES = 1;

/** A field that options go into, and what has been placed there. */
type OptionField = { room: number; readonly pieces: DhcpOption[] };

/**
 * Encodes a message, padded to at least 300 bytes.
 *
 * Options keep the order given, except 82, which goes last (RFC 3046 section
 * 2.1). A value over 255 bytes is split (RFC 3396). What is over `maxBytes`
 * overflows into `file` and `sname` (option 52), each only while it is empty;
 * an option is cut between fields only if it fits into none of them whole.
 * Put first what a client must see first, option 53 above all.
 *
 * @throws {EncodeError} `bad-field`, `bad-option`, `does-not-fit`
 */
export function encode(packet: DhcpPacket, options: EncodeOptions = {}): Uint8Array<ArrayBuffer> {
  const { maxBytes = Infinity, into } = options;
  const ordered = inWireOrder(packet.options);
  const plainBytes = encodingLength(packet);
  const fields =
    plainBytes <= maxBytes ? { options: ordered, file: [], sname: [] } : overflow(packet, ordered, maxBytes);

  const length = Math.max(MIN_BYTES, FIELD.OPTIONS + piecesLength(fields.options) + END_BYTES);
  const wire = into === undefined ? new Uint8Array(length) : into.subarray(0, length).fill(0);
  if (wire.length < length) throw new EncodeError("does-not-fit", `\`into\` is under ${length} bytes long`);
  writeFixedFields(wire, packet);
  if (fields.file.length > 0) writeOptions(wire, FIELD.FILE, fields.file);
  else writeString(wire, FIELD.FILE, FILE_BYTES, "file", packet.file);
  if (fields.sname.length > 0) writeOptions(wire, FIELD.SNAME, fields.sname);
  else writeString(wire, FIELD.SNAME, SNAME_BYTES, "sname", packet.sname);
  writeOptions(wire, FIELD.OPTIONS, fields.options);
  return wire;
}

/** How many bytes `encode` makes of a packet when `maxBytes` does not force it to overload. */
export function encodingLength(packet: DhcpPacket): number {
  return Math.max(MIN_BYTES, FIELD.OPTIONS + piecesLength(packet.options) + END_BYTES);
}

/** Checks the options and moves 82 to the end. */
function inWireOrder(options: readonly DhcpOption[]): readonly DhcpOption[] {
  for (let i = 0; i < options.length; i++) {
    const { code } = options[i]!;
    if (!Number.isInteger(code) || code <= PAD || code >= END || code === OVERLOAD.CODE) {
      throw new EncodeError("bad-option", `option ${code} cannot be set`);
    }
    // The receiver would join both values into one (RFC 3396).
    for (let k = 0; k < i; k++) {
      if (options[k]!.code === code) throw new EncodeError("bad-option", `option ${code} is given twice`);
    }
  }
  const relayInformation = options.filter(({ code }) => code === OPTION.RELAY_AGENT_INFORMATION);
  if (relayInformation.length === 0) return options;
  return [...options.filter(({ code }) => code !== OPTION.RELAY_AGENT_INFORMATION), ...relayInformation];
}

/** Places options over the three fields that can hold them, option 52 and 82 last in the first. */
function overflow(
  packet: DhcpPacket,
  ordered: readonly DhcpOption[],
  maxBytes: number,
): Record<"options" | "file" | "sname", readonly DhcpOption[]> {
  // A relay agent looks for its option in the options field only, so 82 never moves.
  const last = ordered.filter(({ code }) => code === OPTION.RELAY_AGENT_INFORMATION);
  const options: OptionField = {
    room: maxBytes - FIELD.OPTIONS - OVERLOAD_OPTION_BYTES - piecesLength(last) - END_BYTES,
    pieces: [],
  };
  const file: OptionField = { room: packet.file === "" ? FILE_BYTES - END_BYTES : 0, pieces: [] };
  const sname: OptionField = { room: packet.sname === "" ? SNAME_BYTES - END_BYTES : 0, pieces: [] };

  const fits =
    maxBytes >= MIN_BYTES &&
    options.room >= 0 &&
    ordered.every((option) => last.includes(option) || place(option, [options, file, sname]));
  if (!fits) throw new EncodeError("does-not-fit", `the options do not fit into ${maxBytes} bytes`);

  const overload =
    (file.pieces.length > 0 ? OVERLOAD.FILE : 0) | (sname.pieces.length > 0 ? OVERLOAD.SNAME : 0);
  return {
    options: [...options.pieces, { code: OVERLOAD.CODE, data: Uint8Array.of(overload) }, ...last],
    file: file.pieces,
    sname: sname.pieces,
  };
}

/** Places one option whole in the first field with room, else cut over several; false if it cannot. */
function place(option: DhcpOption, fields: readonly OptionField[]): boolean {
  const whole = fields.find(({ room }) => room >= optionLength(option));
  let rest = option.data;
  for (const field of whole === undefined ? fields : [whole]) {
    while (field.room >= OPTION_HEADER_BYTES + Math.min(rest.length, 1)) {
      const length = Math.min(rest.length, MAX_PIECE_BYTES, field.room - OPTION_HEADER_BYTES);
      field.pieces.push({ code: option.code, data: rest.subarray(0, length) });
      field.room -= OPTION_HEADER_BYTES + length;
      rest = rest.subarray(length);
      if (rest.length === 0) return true;
    }
  }
  return false;
}

function optionLength({ data }: DhcpOption): number {
  const pieces = Math.max(1, Math.ceil(data.length / MAX_PIECE_BYTES));
  return data.length + pieces * OPTION_HEADER_BYTES;
}

function piecesLength(options: readonly DhcpOption[]): number {
  let length = 0;
  for (const option of options) length += optionLength(option);
  return length;
}

/** Writes options and END; what follows is already PAD. */
function writeOptions(wire: Uint8Array, start: number, options: readonly DhcpOption[]): void {
  let at = start;
  for (const { code, data } of options) {
    let from = 0;
    do {
      const end = Math.min(from + MAX_PIECE_BYTES, data.length);
      wire[at] = code;
      wire[at + 1] = end - from;
      at += OPTION_HEADER_BYTES;
      // Most are a few bytes long: a view and `set` would cost more than they carry.
      while (from < end) wire[at++] = data[from++]!;
    } while (from < data.length);
  }
  wire[at] = END;
}

function writeFixedFields(wire: Uint8Array<ArrayBuffer>, packet: DhcpPacket): void {
  const view = new DataView(wire.buffer, wire.byteOffset);
  if (packet.op !== 1 && packet.op !== 2) throw new EncodeError("bad-field", "op is neither 1 nor 2");
  view.setUint8(0, packet.op);
  view.setUint8(1, unsigned("htype", packet.htype, 0xff));
  view.setUint8(2, unsigned("hlen", packet.hlen, CHADDR_BYTES));
  view.setUint8(3, unsigned("hops", packet.hops, 0xff));
  view.setUint32(4, unsigned("xid", packet.xid, 0xffffffff));
  view.setUint16(8, unsigned("secs", packet.secs, 0xffff));
  view.setUint16(10, unsigned("flags", packet.flags, 0xffff));
  writeAddress(wire, FIELD.CIADDR, "ciaddr", packet.ciaddr);
  writeAddress(wire, FIELD.YIADDR, "yiaddr", packet.yiaddr);
  writeAddress(wire, FIELD.SIADDR, "siaddr", packet.siaddr);
  writeAddress(wire, FIELD.GIADDR, "giaddr", packet.giaddr);
  if (packet.chaddr.length !== packet.hlen)
    throw new EncodeError("bad-field", "chaddr is not hlen bytes long");
  wire.set(packet.chaddr, FIELD.CHADDR);
  view.setUint32(FIELD.COOKIE, MAGIC_COOKIE);
}

function unsigned(field: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new EncodeError("bad-field", `${field} is no integer from 0 to ${max}`);
}

function writeAddress(wire: Uint8Array, at: number, field: string, address: string): void {
  if (!writeIpv4(wire, at, address)) throw new EncodeError("bad-field", `${field} is no IPv4 address`);
}

const encoder = new TextEncoder();

/** Writes a NUL-terminated string (RFC 2131 section 2). */
function writeString(wire: Uint8Array, start: number, size: number, field: string, text: string): void {
  if (text === "") return;
  const bytes = encoder.encode(text);
  if (bytes.length >= size || bytes.includes(0)) {
    throw new EncodeError("bad-field", `${field} is over ${size - 1} bytes long or holds a NUL`);
  }
  wire.set(bytes, start);
}

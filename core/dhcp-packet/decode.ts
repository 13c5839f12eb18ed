import { DecodeError } from "./errors.ts";
import { CHADDR_BYTES, END, FIELD, MAGIC_COOKIE, OVERLOAD, PAD } from "./layout.ts";
import { readIpv4 } from "./option-ipv4.ts";
import { readText } from "./option-text.ts";
import type { DhcpOption, DhcpPacket } from "./packet.ts";

/** Instances of each option, in wire order. */
type Instances = Map<number, Uint8Array[]>;

/**
 * Decodes one UDP payload. `chaddr` and option values are views of `bytes`,
 * except where several instances were joined: copy what outlives the buffer.
 *
 * Strict where leniency would be guessing (a truncated option, no END), silent
 * on what options mean: the accessors say `undefined` to a malformed value.
 *
 * @throws {DecodeError} and nothing else, whatever the bytes
 */
export function decode(bytes: Uint8Array): DhcpPacket {
  if (bytes.length < FIELD.OPTIONS) throw new DecodeError("too-short", bytes.length);
  // A plain view: Buffer overrides subarray's class, and equality with it.
  const wire = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const view = new DataView(wire.buffer, wire.byteOffset, wire.length);
  const op = view.getUint8(0);
  if (op !== 1 && op !== 2) throw new DecodeError("bad-op", 0);
  const hlen = view.getUint8(2);
  if (hlen > CHADDR_BYTES) throw new DecodeError("bad-hlen", 2);
  if (view.getUint32(FIELD.COOKIE) !== MAGIC_COOKIE) throw new DecodeError("bad-cookie", FIELD.COOKIE);

  const instances: Instances = new Map();
  readOptions(wire, FIELD.OPTIONS, wire.length, instances);
  const overload = takeOverload(instances);
  // RFC 3396 section 5 fixes this order, in which split options are joined.
  if (overload & OVERLOAD.FILE) readOptions(wire, FIELD.FILE, FIELD.COOKIE, instances);
  if (overload & OVERLOAD.SNAME) readOptions(wire, FIELD.SNAME, FIELD.FILE, instances);
  const nested = instances.get(OVERLOAD.CODE)?.[0];
  if (nested !== undefined) throw new DecodeError("bad-overload", nested.byteOffset - wire.byteOffset);

  return {
    op,
    htype: view.getUint8(1),
    hlen,
    hops: view.getUint8(3),
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    flags: view.getUint16(10),
    ciaddr: readIpv4(wire, FIELD.CIADDR),
    yiaddr: readIpv4(wire, FIELD.YIADDR),
    siaddr: readIpv4(wire, FIELD.SIADDR),
    giaddr: readIpv4(wire, FIELD.GIADDR),
    chaddr: wire.subarray(FIELD.CHADDR, FIELD.CHADDR + hlen),
    sname: overload & OVERLOAD.SNAME ? "" : readText(wire.subarray(FIELD.SNAME, FIELD.FILE)),
    file: overload & OVERLOAD.FILE ? "" : readText(wire.subarray(FIELD.FILE, FIELD.COOKIE)),
    options: join(instances),
  };
}

/** Reads a field of options up to its END, which must be there. */
function readOptions(wire: Uint8Array, start: number, end: number, instances: Instances): void {
  let at = start;
  while (at < end) {
    const code = wire[at]!;
    if (code === END) return;
    if (code === PAD) {
      at += 1;
      continue;
    }
    const value = at + 2;
    if (value > end || value + wire[at + 1]! > end) throw new DecodeError("truncated-option", at);
    at = value + wire[at + 1]!;
    const data = wire.subarray(value, at);
    const earlier = instances.get(code);
    if (earlier === undefined) instances.set(code, [data]);
    else earlier.push(data);
  }
  throw new DecodeError("missing-end", end);
}

/** Takes option 52 out of the options field; 0 where there is none. */
function takeOverload(instances: Instances): number {
  const found = instances.get(OVERLOAD.CODE);
  if (found === undefined) return 0;
  instances.delete(OVERLOAD.CODE);
  const [data] = found;
  const value = data?.[0];
  if (found.length !== 1 || data?.length !== 1 || value === undefined || value < 1 || value > 3) {
    throw new DecodeError("bad-overload", FIELD.OPTIONS);
  }
  return value;
}

function join(instances: Instances): DhcpOption[] {
  const options: DhcpOption[] = [];
  for (const [code, parts] of instances) {
    options.push({ code, data: parts.length === 1 ? parts[0]! : concatenate(parts) });
  }
  return options;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

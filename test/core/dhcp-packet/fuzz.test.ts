import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decode,
  DecodeError,
  decodeSubOptions,
  decodeUserClass,
  type DhcpPacket,
  encode,
  EncodeError,
  encodeSubOptions,
  encodingLength,
  OPTION,
} from "../../../core/dhcp-packet/index.ts";
import { EDK2_DISCOVER, IPXE_DISCOVER } from "./captures.ts";
import { mutate, seededRandom } from "./mutate.ts";

const address = fc.ipV4();
const fieldText = (maxBytes: number) =>
  fc
    .string({ unit: "grapheme", maxLength: maxBytes })
    .filter((text) => !text.includes("\0") && new TextEncoder().encode(text).length <= maxBytes);

const packet: fc.Arbitrary<DhcpPacket> = fc
  .record({
    op: fc.constantFrom(1 as const, 2 as const),
    htype: fc.nat(255),
    hops: fc.nat(255),
    xid: fc.nat(0xffffffff),
    secs: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    ciaddr: address,
    yiaddr: address,
    siaddr: address,
    giaddr: address,
    chaddr: fc.uint8Array({ maxLength: 16 }),
    sname: fieldText(63),
    file: fieldText(127),
    options: fc.uniqueArray(
      fc.record({
        code: fc.integer({ min: 1, max: 254 }).filter((code) => code !== OPTION.OVERLOAD),
        data: fc.uint8Array({ maxLength: 600 }),
      }),
      { selector: ({ code }) => code, maxLength: 12 },
    ),
  })
  .map((fields) => ({ ...fields, hlen: fields.chaddr.length }));

function relayInformationLast(original: DhcpPacket): DhcpPacket {
  const rank = (code: number) => Number(code === OPTION.RELAY_AGENT_INFORMATION);
  return { ...original, options: original.options.toSorted((a, b) => rank(a.code) - rank(b.code)) };
}

/** `undefined` where the options do not fit. */
function encodeWithin(original: DhcpPacket, maxBytes: number): Uint8Array | undefined {
  try {
    return encode(original, { maxBytes });
  } catch (error) {
    if (error instanceof EncodeError && error.code === "does-not-fit") return undefined;
    throw error;
  }
}

const byCode = ({ options }: DhcpPacket) => options.toSorted((a, b) => a.code - b.code);

describe("any packet", () => {
  test("D17 comes back from its encoding, option 82 moved last", () => {
    fc.assert(
      fc.property(packet, (original) => {
        const wire = encode(original);
        expect(wire).toHaveLength(encodingLength(original));
        const decoded = decode(wire);
        expect(decoded).toEqual(relayInformationLast(original));
        expect(encode(decoded)).toEqual(wire);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test("D12 D13 under a bound either is within it and loses nothing, or does not fit", () => {
    let fitted = 0;
    let overflowed = 0;
    fc.assert(
      fc.property(packet, fc.boolean(), fc.integer({ min: 300, max: 1472 }), (drawn, bare, maxBytes) => {
        const original = bare ? { ...drawn, sname: "", file: "" } : drawn;
        const wire = encodeWithin(original, maxBytes);
        expect(wire !== undefined || encodingLength(original) > maxBytes).toBe(true);
        if (wire === undefined) return;
        fitted += 1;
        if (encodingLength(original) > maxBytes) overflowed += 1;
        expect(wire.length).toBeLessThanOrEqual(maxBytes);
        const decoded = decode(wire);
        expect(byCode(decoded)).toEqual(byCode(original));
        expect({ ...decoded, options: [] }).toEqual({ ...original, options: [] });
      }),
      { seed: 2, numRuns: 1000 },
    );
    expect(fitted).toBeGreaterThan(100);
    expect(overflowed).toBeGreaterThan(10);
  });

  test("sub-options come back from their encoding", () => {
    const subOptions = fc.array(
      fc.record({ code: fc.integer({ min: 1, max: 254 }), data: fc.uint8Array({ maxLength: 255 }) }),
    );
    fc.assert(
      fc.property(subOptions, fc.boolean(), (options, end) => {
        expect(decodeSubOptions(encodeSubOptions(options, { end }), { end })).toEqual(options);
      }),
      { seed: 3 },
    );
  });
});

describe("any bytes", () => {
  test("D14 of 100,000 mutated packets each decodes or throws DecodeError", () => {
    const random = seededRandom(20_261_121);
    let decoded = 0;
    let refused = 0;
    for (let run = 0; run < 100_000; run++) {
      const bytes = mutate(run % 2 === 0 ? EDK2_DISCOVER : IPXE_DISCOVER, random);
      try {
        for (const { data } of decode(bytes).options) {
          decodeUserClass(data);
          decodeSubOptions(data);
          decodeSubOptions(data, { end: true });
        }
        decoded += 1;
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        refused += 1;
      }
    }
    expect(decoded).toBeGreaterThan(10_000);
    expect(refused).toBeGreaterThan(10_000);
  });

  test("D14 a datagram of the largest size, all one-byte pieces of an option, is joined in linear time", () => {
    const bytes = new Uint8Array(65_507);
    bytes.set(EDK2_DISCOVER.subarray(0, 240));
    for (let at = 240; at + 3 < bytes.length; at += 3) bytes.set([43, 1, 7], at);
    bytes[bytes.length - 1] = 255;
    const [joined] = decode(bytes).options;
    expect(joined?.data).toHaveLength(Math.floor((bytes.length - 240 - 1) / 3));
  });
});

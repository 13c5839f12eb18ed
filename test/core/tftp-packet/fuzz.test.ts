import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decode, encode, TftpDecodeError, type TftpPacket } from "../../../core/tftp-packet/index.ts";

// Fixed, so that a failure is the same failure tomorrow.
const SEED = 1350;

const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("\0"));
const options = fc.array(fc.record({ name: text, value: text }), { maxLength: 5 });
const number = fc.integer({ min: 0, max: 0xffff });
const packet: fc.Arbitrary<TftpPacket> = fc.oneof(
  fc.record({ kind: fc.constantFrom("rrq", "wrq"), filename: text, mode: text, options }),
  fc.record({ kind: fc.constant("data"), block: number, data: fc.uint8Array({ maxLength: 600 }) }),
  fc.record({ kind: fc.constant("ack"), block: number }),
  fc.record({ kind: fc.constant("error"), code: number, message: text }),
  fc.record({ kind: fc.constant("oack"), options }),
);

test("what was encoded decodes to the same", () => {
  fc.assert(
    fc.property(packet, (value) => {
      expect(decode(encode(value))).toEqual(value);
    }),
    { seed: SEED, numRuns: 2_000 },
  );
});

test("any bytes decode or throw a TftpDecodeError, and what decodes is stable", () => {
  const opcode = fc.integer({ min: 0, max: 8 });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.tuple(opcode, fc.uint8Array({ maxLength: 64 })).map(([code, rest]) => Uint8Array.of(0, code, ...rest)),
    fc.tuple(packet, fc.array(fc.tuple(fc.nat(700), fc.nat(255)), { maxLength: 4 })).map(([value, edits]) => {
      const encoded = encode(value);
      for (const [at, byte] of edits) encoded[at % encoded.length] = byte;
      return encoded;
    }),
  );
  let decoded = 0;
  let refused = 0;
  fc.assert(
    fc.property(bytes, (input) => {
      const outcome = decodeOrError(input);
      if (outcome instanceof TftpDecodeError) {
        refused++;
        return;
      }
      decoded++;
      expect(decode(encode(outcome))).toEqual(outcome);
    }),
    { seed: SEED, numRuns: 20_000 },
  );
  expect(decoded).toBeGreaterThan(2_000);
  expect(refused).toBeGreaterThan(2_000);
});

/** Any other error is the test's failure. */
function decodeOrError(bytes: Uint8Array): TftpPacket | TftpDecodeError {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof TftpDecodeError) return error;
    throw error;
  }
}

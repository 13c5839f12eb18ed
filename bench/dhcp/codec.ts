import { decode, encode } from "../../core/dhcp-packet/index.ts";
import { EDK2_DISCOVER } from "../../test/core/dhcp-packet/captures.ts";

const ROUNDS = 10;
const MESSAGES = 200_000;

/** Messages a second of EDK2's DISCOVER as it was captured, the best of several rounds. */
export function measureCodec(say: (line: string) => void): void {
  const packet = decode(EDK2_DISCOVER);
  const into = new Uint8Array(1500);
  for (const [name, work] of [
    ["decode", () => decode(EDK2_DISCOVER)],
    ["encode", () => encode(packet)],
    ["encode into a buffer used again", () => encode(packet, { into })],
  ] as const) {
    let best = Infinity;
    for (let round = 0; round < ROUNDS; round++) {
      const begun = performance.now();
      for (let i = 0; i < MESSAGES; i++) work();
      best = Math.min(best, performance.now() - begun);
    }
    const perSecond = Math.round((MESSAGES / best) * 1000).toLocaleString("en");
    say(`codec, EDK2's DISCOVER of ${EDK2_DISCOVER.length} bytes: ${name} ${perSecond}/s`);
  }
}

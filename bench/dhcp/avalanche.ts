import { withContenders } from "./contender.ts";
import { percentile, runAvalanche, runLoad } from "./perfdhcp.ts";
import { SERVERS } from "./servers.ts";

const CLIENTS = 1000;
const RATE = 1000;

/** A site that powers on at once, and how long an OFFER takes at a thousand clients a second. */
export async function measureAvalanche({
  names,
  attempts,
  say,
}: {
  readonly names: readonly string[];
  readonly attempts: number;
  readonly say: (line: string) => void;
}): Promise<void> {
  const servers = SERVERS.filter(({ name }) => names.includes(name));
  await withContenders(servers, async (contenders) => {
    for (const { link } of contenders) await runLoad(link, { rate: RATE, seconds: 5 });
    for (let attempt = 0; attempt < attempts; attempt++) {
      for (const { server, link } of contenders) {
        const { acknowledged, seconds } = await runAvalanche(link, CLIENTS);
        say(`${server.name}: avalanche of ${CLIENTS}: ${acknowledged} served after ${seconds.toFixed(2)} s`);
      }
    }
    for (let attempt = 0; attempt < attempts; attempt++) {
      for (const { server, link } of contenders) {
        // One that cannot serve a tenth of it would only keep the rest waiting.
        if (server.startRate < RATE) continue;
        const { lost, offerMs } = await runLoad(link, { rate: RATE, seconds: 10, timed: true });
        const at = [0.5, 0.99, 0.999].map(
          (part) => `p${100 * part} ${percentile(offerMs, part).toFixed(1)} ms`,
        );
        say(
          `${server.name} at ${RATE}/s: DISCOVER to OFFER ${at.join(", ")}, ${(100 * lost).toFixed(1)} % lost`,
        );
      }
    }
  });
}

import { type Contender, withContenders } from "./contender.ts";
import { type Load, runLoad } from "./perfdhcp.ts";
import { SERVERS } from "./servers.ts";

export type ThroughputOptions = {
  readonly names: readonly string[];
  readonly seconds: number;
  /** So often a load is tried before it counts as too much. */
  readonly attempts: number;
  readonly say: (line: string) => void;
};

/** More than this is not served but lost. */
const MAX_LOST = 0.01;

/** Offered loads, in exchanges a second, a sixth more each. */
const RATES = Array.from({ length: 36 }, (_, step) => Math.round(100 * (7 / 6) ** step));

type Score = {
  readonly contender: Contender;
  /** The most that was acknowledged a second with no more than `MAX_LOST` lost. */
  best: number;
  peak: number;
  /** Microseconds of processor time an exchange, at the best load. */
  cpuMicros: number;
  misses: number;
  readonly atMaximum: number[];
};

/**
 * DORA exchanges a second, durable and not. All servers run at once, and idle
 * but for the one that a load is offered to: they take turns run by run, and
 * each has as many tries at a load, so that what else the machine does hits
 * all of them alike. It can only ever cost, so the best try counts.
 */
export async function measureThroughput({ names, seconds, attempts, say }: ThroughputOptions): Promise<void> {
  const servers = SERVERS.filter(({ name }) => names.includes(name));
  await withContenders(servers, async (contenders) => {
    const scores = contenders.map((contender): Score => {
      return { contender, best: 0, peak: 0, cpuMicros: NaN, misses: 0, atMaximum: [] };
    });
    // Just-in-time compilers and caches first.
    for (const { link, server } of contenders) await runLoad(link, { rate: server.startRate, seconds: 5 });
    for (const rate of RATES) {
      let trying = scores.filter(({ contender, misses }) => misses < 2 && contender.server.startRate <= rate);
      for (let attempt = 0; attempt < attempts; attempt++) {
        for (const score of trying) await tryRate(score, rate, seconds, say);
        trying = trying.filter(({ best }) => best < rate * (1 - MAX_LOST) * 0.99);
      }
      for (const score of trying) score.misses += 1;
    }
    for (let attempt = 0; attempt < attempts; attempt++) {
      for (const score of scores) await tryMaximum(score, seconds, say);
    }
    for (const line of summary(scores, attempts)) say(line);
    for (const { contender } of scores) {
      if (contender.running.report !== undefined) say(`pxedge: ${await contender.running.report()}`);
    }
  });
}

async function tryRate(
  score: Score,
  rate: number,
  seconds: number,
  say: ThroughputOptions["say"],
): Promise<void> {
  const { link, server, running } = score.contender;
  const before = running.cpuSeconds();
  const load = await runLoad(link, { rate, seconds });
  const cpuMicros = ((running.cpuSeconds() - before) * 1e6) / (load.acknowledgedPerSecond * seconds);
  say(`${server.name} at ${rate}/s: ${format(load)}, ${cpuMicros.toFixed(0)} us of CPU each`);
  score.peak = Math.max(score.peak, load.acknowledgedPerSecond);
  if (load.lost > MAX_LOST || load.acknowledgedPerSecond < score.best) return;
  score.best = load.acknowledgedPerSecond;
  score.cpuMicros = cpuMicros;
  score.misses = 0;
}

async function tryMaximum(score: Score, seconds: number, say: ThroughputOptions["say"]): Promise<void> {
  const load = await runLoad(score.contender.link, { rate: null, seconds });
  const { name } = score.contender.server;
  say(`${name} at perfdhcp's maximum, ${Math.round(load.begunPerSecond)}/s: ${format(load)}`);
  score.peak = Math.max(score.peak, load.acknowledgedPerSecond);
  score.atMaximum.push(load.acknowledgedPerSecond);
}

function summary(scores: readonly Score[], attempts: number): string[] {
  const kea = scores.find(({ contender }) => contender.server.name === "kea");
  return [
    `\nexchanges a second at ≤ ${100 * MAX_LOST} % lost, best of ${attempts} tries a load`,
    ...scores.map(({ contender, best, peak, cpuMicros, atMaximum }) => {
      const ratio = kea === undefined ? "" : `, ${(best / kea.best).toFixed(2)} × Kea`;
      const kept = Math.round((100 * Math.max(...atMaximum)) / peak);
      return (
        `  ${contender.server.name}: ${Math.round(best)}/s${ratio}, ${cpuMicros.toFixed(0)} us of CPU each;` +
        ` at perfdhcp's maximum ${Math.round(Math.max(...atMaximum))}/s, ${kept} % of its peak of ${Math.round(peak)}/s`
      );
    }),
  ];
}

function format({ acknowledgedPerSecond, lost }: Load): string {
  return `${Math.round(acknowledgedPerSecond)}/s, ${(100 * lost).toFixed(1)} % lost`;
}

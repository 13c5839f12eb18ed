import { Agent, request } from "node:http";

/** How a storm of requests went. */
export type Storm = {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were not what was asked for, and connections that failed. */
  readonly errors: number;
};

/** One request of a storm; `isGood` looks at the body. */
export type StormRequest = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly isGood: (body: string) => boolean;
};

/** Sends every request once, so many at a time, over kept connections. */
export async function storm(
  origin: string,
  requests: readonly StormRequest[],
  atOnce: number,
): Promise<Storm> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const durations: number[] = [];
  let errors = 0;
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let one = requests[next++]; one !== undefined; one = requests[next++]) {
        const sentAt = performance.now();
        const good = await send(agent, origin, one).catch(() => false);
        durations.push(performance.now() - sentAt);
        if (!good) errors++;
      }
    }),
  );
  const elapsedMs = performance.now() - startedAt;
  agent.destroy();
  durations.sort((a, b) => a - b);
  const quantile = (part: number) => durations[Math.ceil(durations.length * part) - 1] ?? NaN;
  return {
    perSecond: (requests.length / elapsedMs) * 1_000,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    errors,
  };
}

async function send(agent: Agent, origin: string, one: StormRequest): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    request(`${origin}${one.path}`, { agent, headers: one.headers }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (body += piece));
      response.on("end", () => resolve(response.statusCode === 200 && one.isGood(body)));
      response.on("error", reject);
    })
      .on("error", reject)
      .end();
  });
}

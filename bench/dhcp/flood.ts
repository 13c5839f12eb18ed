import { fileURLToPath } from "node:url";
import { startChild } from "../../test/support/lab/child.ts";
import { withContenders } from "./contender.ts";
import { percentile, runLoad } from "./perfdhcp.ts";
import { SERVERS } from "./servers.ts";

const CLIENT = fileURLToPath(new URL("registered-client.ts", import.meta.url));
const SECONDS = 10;

/** What perfdhcp makes MACs of. */
const STRANGERS = 2 ** 31 - 1;

/** Ten times a busy site's thousand boots a second, and all that perfdhcp can do. */
const RATES = [10_000, null] as const;

/** Random MACs at ten times the load and beyond: does a machine that the site knows still get its lease? */
export async function measureFlood({ say }: { readonly say: (line: string) => void }): Promise<void> {
  const servers = SERVERS.filter(({ name }) => name === "pxedge");
  await withContenders(servers, async ([contender]) => {
    const { link, running } = contender!;
    for (const rate of RATES) {
      const flood = runLoad(link, { rate, seconds: SECONDS + 3, clients: STRANGERS });
      const client = await startChild("ip", [
        ...["netns", "exec", link.clientNamespace, process.execPath, CLIENT],
        ...[link.clientInterface, String(SECONDS), link.serverAddress],
      ]);
      await client.exited;
      const { begun, tookMs } = JSON.parse(client.output()) as { begun: number; tookMs: number[] };
      const { begunPerSecond, acknowledgedPerSecond } = await flood;
      say(
        `flood of ${Math.round(begunPerSecond)} random MACs a second (${Math.round(acknowledgedPerSecond)} served):` +
          ` ${tookMs.length} of ${begun} registered machines have a lease,` +
          ` p50 ${percentile(tookMs, 0.5).toFixed(1)} ms, p99 ${percentile(tookMs, 0.99).toFixed(1)} ms,` +
          ` longest ${(tookMs.at(-1) ?? NaN).toFixed(1)} ms`,
      );
      say(`pxedge: ${await running.report!()}`);
    }
  });
}

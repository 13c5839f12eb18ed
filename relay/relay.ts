import type { Logger } from "pino";

import { startAdminServer } from "./admin/server.ts";
import { createClock, type Clock } from "./clock.ts";
import type { RelayConfig } from "./config/model.ts";
import { planReload, type ReloadPlan } from "./config/plan-reload.ts";
import type { HttpListener } from "./http/server.ts";
import { addProcessMetrics } from "./metrics/process.ts";
import { Metrics } from "./metrics/registry.ts";
import type { ProxyEnvironment } from "./net/proxy-environment.ts";
import { startParts, type RelayParts } from "./start-parts.ts";
import type { RelayStatus } from "./status.ts";
import { StopStack } from "./stop-stack.ts";

/** A running relay. */
export type Relay = {
  /** Where it answers HTTP just now. */
  readonly http: readonly HttpListener[];
  /** How it is just now. */
  status(): RelayStatus;
  /** Goes by another configuration from now on, as far as that can be without a restart. */
  reload(config: RelayConfig): Promise<Pick<ReloadPlan, "changed" | "waiting">>;
  /**
   * Ends it in the order opposite to its start; what is undelivered stays on disk.
   *
   * @param cut transfers under way may go on until this aborts; ten seconds by default
   */
  stop(cut?: AbortSignal): Promise<void>;
};

export type RelayOptions = {
  readonly config: RelayConfig;
  readonly log: Logger;
  /** For the way to the control plane. */
  readonly proxy?: ProxyEnvironment;
  readonly clock?: Clock;
};

/** Boot files are through by then; who fetches an image asks again for the rest. */
const DRAIN_MS = 10_000;

/**
 * Starts all of a relay: state and leases first, DHCP last, so that nobody is
 * sent to something that does not answer yet.
 *
 * @throws PxedgeError with a sentence that says what to do; nothing is left running then
 */
export async function startRelay({
  config,
  log,
  proxy = {},
  clock = createClock({ host: Date.now, monotonic: () => performance.now() }),
}: RelayOptions): Promise<Relay> {
  const running = new StopStack(log);
  const metrics = new Metrics();
  running.push(addProcessMetrics(metrics));
  let parts: RelayParts;
  try {
    parts = await startParts({ config, log, proxy, clock, metrics, running });
    const { address, port } = config.admin;
    const admin = await startAdminServer({
      ...{ address, port, log },
      status: () => parts.status(),
      metrics: () => metrics.expose(),
    });
    running.push(() => admin.stop());
  } catch (error) {
    await running.stop(AbortSignal.abort());
    throw error;
  }
  /** A reload and a stop, or two reloads, would get in each other's way. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const result = turn.then(run);
    turn = result.catch(() => undefined);
    return result;
  };
  log.info({ http: parts.http() }, "the relay runs");
  let current = config;
  return {
    get http() {
      return parts.http();
    },
    status: () => parts.status(),
    reload: (wanted) =>
      inTurn(async () => {
        const plan = planReload(current, wanted);
        current = plan.config;
        await parts.configure(plan.config, plan.waiting);
        return plan;
      }),
    stop: (cut = AbortSignal.timeout(DRAIN_MS)) => inTurn(() => running.stop(cut)),
  };
}

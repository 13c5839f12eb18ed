import type { Logger } from "pino";

import { PxedgeError } from "../core/errors.ts";
import { loadRelayConfig, loadRelayConfigFile } from "../relay/config/parse.ts";
import { createLog } from "../relay/log.ts";
import { readProxyEnvironment } from "../relay/net/proxy-environment.ts";
import { startRelay, type Relay } from "../relay/relay.ts";
import { findReloadProblems } from "../relay/reload-problems.ts";
import { connectServiceManager } from "../relay/systemd/service-manager.ts";
import { freezeYoungGeneration } from "../relay/young-generation.ts";

/** What is under way when a relay is stopped may go on for so long; a second signal ends it at once. */
const DRAIN_MS = 10_000;

const KEPT = "the configuration cannot be used; the relay goes on with the one that it has";

/** Runs a relay until SIGTERM or SIGINT; SIGHUP reads its configuration again. */
export async function runRelay(configFile: string): Promise<void> {
  freezeYoungGeneration();
  // From the beginning: a signal during the start ends it right after.
  const signals = watchStopSignals();
  let wantsReload = false;
  let reload = (): void => void (wantsReload = true);
  process.on("SIGHUP", () => reload());
  const config = await loadRelayConfig(configFile);
  const proxy = readProxyEnvironment(process.env);
  const log = createLog(config.log);
  const serviceManager = connectServiceManager(process.env, process.pid, log);
  const relay = await startRelay({ config, log, proxy });
  serviceManager.ready();
  reload = () => void reloadConfig(relay, configFile, log);
  if (wantsReload) reload();
  await signals.stop;
  log.info("stopping");
  serviceManager.stopping();
  reload = () => undefined;
  await relay.stop(AbortSignal.any([AbortSignal.timeout(DRAIN_MS), signals.cut]));
  log.info("stopped");
}

/**
 * The first SIGTERM or SIGINT asks to stop, each further one to cut what is
 * under way. They are listened to until the process ends: at any moment
 * without a listener a signal would kill it.
 */
function watchStopSignals(): { readonly stop: Promise<void>; readonly cut: AbortSignal } {
  const stop = Promise.withResolvers<void>();
  const cut = new AbortController();
  let stopping = false;
  const onSignal = (): void => {
    if (stopping) cut.abort();
    stopping = true;
    stop.resolve();
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  return { stop: stop.promise, cut: cut.signal };
}

/** Never rejects: a relay goes on with what it has. */
async function reloadConfig(relay: Relay, configFile: string, log: Logger): Promise<void> {
  try {
    const file = await loadRelayConfigFile(configFile);
    const problems = findReloadProblems(file);
    if (problems.length > 0) {
      log.error({ problems }, KEPT);
      return;
    }
    const { changed, waiting } = await relay.reload(file.config);
    log.info(
      { changed },
      changed.length === 0 ? "the configuration is unchanged" : "the configuration was changed",
    );
    if (waiting.length > 0) log.warn({ fields: waiting }, "these fields change when the relay is restarted");
  } catch (error) {
    if (!(error instanceof PxedgeError))
      log.error({ err: error }, "the configuration was not wholly taken over");
    else log.error({ problems: error.message.split("\n") }, KEPT);
  }
}

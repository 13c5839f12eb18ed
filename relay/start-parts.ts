import { join } from "node:path";
import type { Logger } from "pino";

import { createBootFileAvailability } from "./boot-file-availability.ts";
import { createFileRoot, findRootProblem } from "./boot-files/file-root.ts";
import type { ImageCache } from "./cache/image-cache.ts";
import { startImageCache } from "./cache/start.ts";
import type { Clock } from "./clock.ts";
import type { RelayConfig } from "./config/model.ts";
import { createControlPlaneClient } from "./control-plane/client.ts";
import { createContact } from "./control-plane/contact.ts";
import { deliverEvents } from "./control-plane/deliver-events.ts";
import { createStateFile } from "./control-plane/state-file.ts";
import { createStateSync, type StateSync } from "./control-plane/state-sync.ts";
import { LastGoodStore } from "./decision/last-good-store.ts";
import { OverheardClients } from "./dhcp/overheard.ts";
import { Gate } from "./http/gate.ts";
import { createClientObserver } from "./http/observe-client.ts";
import { createPacer, type PacerRates } from "./http/pacer.ts";
import type { HttpListener } from "./http/server.ts";
import { createUpstream } from "./http/upstream.ts";
import { createJournal } from "./journal/journal.ts";
import { KnownAttempts, logWithAttempts } from "./known-attempts.ts";
import { LeaseStore } from "./leases/lease-store.ts";
import { createMachineHttp } from "./machine-http.ts";
import { addCacheMetrics, addMirrorMetrics } from "./metrics/cache.ts";
import { addContactMetrics, addJournalMetrics, addLatencyMetrics } from "./metrics/control-plane.ts";
import { addDhcpMetrics } from "./metrics/dhcp.ts";
import { addHttpMetrics } from "./metrics/http.ts";
import type { Metrics } from "./metrics/registry.ts";
import { addTftpMetrics } from "./metrics/tftp.ts";
import { shareDisk, startMirror } from "./mirror/start.ts";
import { createCachedLookup } from "./net/cached-lookup.ts";
import { lookupNeighbour } from "./net/neighbours.ts";
import type { ProxyEnvironment } from "./net/proxy-environment.ts";
import { fetchFirstState, openState, requireCredentials } from "./prerequisites.ts";
import { ReservationWatch } from "./reservation-watch.ts";
import { ServedInterfaces } from "./served-interfaces.ts";
import { lockStateDir } from "./state-dir-lock.ts";
import { describeStatus, type RelayStatus } from "./status.ts";
import type { StopStack } from "./stop-stack.ts";
import { VERSION } from "./version.ts";

export type StartPartsOptions = {
  readonly config: RelayConfig;
  readonly log: Logger;
  readonly proxy: ProxyEnvironment;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Takes what ends each part, as it is started. */
  readonly running: StopStack;
};

/** The parts of a relay, started. */
export type RelayParts = {
  /** Where HTTP is answered just now. */
  http(): readonly HttpListener[];
  status(): RelayStatus;
  /**
   * Goes by another configuration, of which what needs a restart is as before.
   *
   * @param waitingForRestart fields that were wanted otherwise
   */
  configure(config: RelayConfig, waitingForRestart: readonly string[]): Promise<void>;
};

/** What is under way on an interface that is named no more may go on for so long. */
const REMOVED_INTERFACE_MS = 10_000;

/** Starts everything that machines need of a relay. */
export async function startParts(options: StartPartsOptions): Promise<RelayParts> {
  const { proxy, clock, metrics, running } = options;
  const attempts = new KnownAttempts(() => performance.now());
  const log = logWithAttempts(options.log, attempts);
  let { config } = options;
  let waitingForRestart: readonly string[] = [];
  const { stateDir } = config;
  const credentials = await requireCredentials(config, log);
  const fileRoot = createFileRoot(config.tftp.root);
  const rootProblem = await findRootProblem(config.tftp.root);
  // Addresses, scripts and images can be had without boot files.
  if (rootProblem !== undefined) log.error({ err: rootProblem }, rootProblem.message);
  running.push(lockStateDir(stateDir));

  const { url } = config.controlPlane;
  const { credential, siteId } = credentials;
  const contact = createContact({ clock, onAnswer: addLatencyMetrics(metrics) });
  const onRevision = (revision: string): void => sync.noteRevision(revision);
  const client = createControlPlaneClient({ url, credential, onRevision, contact });
  const bootFiles = createBootFileAvailability(fileRoot, () => performance.now());
  const reservations = new ReservationWatch({
    site: () => sync.current(),
    subnets: () => interfaces?.subnets,
    log,
  });
  let interfaces: ServedInterfaces | undefined = undefined;
  let images: ImageCache | undefined = undefined;
  const sync: StateSync = await createStateSync({
    client,
    file: createStateFile(stateDir, siteId, log),
    siteId,
    log,
    onChange: (state) => {
      void bootFiles.look(config.bootFiles, state);
      reservations.look();
      images?.prefetch(state.prefetch);
    },
  });
  running.push(() => sync.stop());
  await fetchFirstState(sync);
  await bootFiles.look(config.bootFiles, sync.current());

  const leases = new LeaseStore({ path: join(stateDir, "leases.db"), now: () => clock.steady() });
  running.push(() => leases.close());
  const journal = openState(join(stateDir, "journal.db"), "the journal of events", (file) =>
    createJournal({
      ...{ file, log },
      deliver: (events, signal) => deliverEvents(client, events, signal),
      now: () => clock.now(),
    }),
  );
  running.push(() => journal.stop());
  const lastGood = openState(
    join(stateDir, "last-good.db"),
    "the scripts that machines boot while the WAN is down, in",
    (file) =>
      new LastGoodStore({
        file,
        now: () => clock.now(),
        onDamaged: (aside) =>
          log.error({ aside }, "the last known good scripts are damaged; they were set aside"),
      }),
  );
  running.push(() => lastGood.close());

  const budget = shareDisk(config);
  images = await startImageCache({
    config: { ...config, cache: { ...config.cache, maxBytes: budget.images } },
    credentials,
    client,
    sync,
    onEvent: journal.sink,
    log,
    now: () => clock.now(),
    proxy,
  });
  running.push(() => images?.stop());

  const overheard = new OverheardClients(() => performance.now());
  const observe = createClientObserver({
    macByAddress: (address) => leases.macByAddress(address),
    lookupNeighbour,
    overheard: (address, device) => overheard.macByAddress(address, device),
  });
  const lookup = createCachedLookup();
  const mirror = startMirror({
    ...{ stateDir, maxBytes: budget.mirrors, lookup, log },
    onEvent: journal.sink,
    now: () => clock.now(),
  });
  running.push(() => mirror.stop());
  const upstream = createUpstream({
    ...{ url, credential, onRevision, contact, lookup, proxy },
    onAttempt: (mac, attempt) => attempts.learn(mac, attempt),
  });
  running.push(() => upstream.close());
  const gate = new Gate();
  const pacer = createPacer({ ...ratesOf(config), now: () => performance.now() });
  const machineHttp = createMachineHttp({
    upstream,
    images,
    siteId,
    site: () => sync.current(),
    contact,
    probe: () => void sync.refresh(),
    lastGood,
    journal,
    mirror,
    mirrors: () => config.mirrors,
    fileRoot,
    gate,
    pacer,
    observe,
    decisionMs: () => config.controlPlane.decisionSeconds * 1000,
    onExchange: addHttpMetrics(metrics, () => gate.inside),
    now: () => clock.now(),
    log,
  });
  const served = new ServedInterfaces({
    shared: {
      handleRequest: machineHttp.handle,
      handleForTftp: machineHttp.handleForTftp,
      onTransfer: addTftpMetrics(metrics, () => served.views()),
      leases,
      site: () => sync.current(),
      bootFiles,
      observe,
      overheard,
      onEvent: journal.sink,
      log,
      now: () => clock.steady(),
    },
    onServed: () => reservations.look(),
    log,
  });
  interfaces = served;
  running.push((cut) => served.stop(cut));
  await served.start(config);

  const cache = images;
  const leasesInUse = (): ReadonlyMap<string, number> => leases.countBySubnet();
  addDhcpMetrics(metrics, { interfaces: () => served.views(), leasesInUse });
  addCacheMetrics(
    metrics,
    () => cache.stats(),
    () => shareDisk(config).images,
  );
  addMirrorMetrics(metrics, () => mirror.stats());
  addJournalMetrics(metrics, () => journal.stats());
  addContactMetrics(metrics, contact, clock);

  const startedAt = clock.now();
  return {
    http: () => served.http,
    status: () =>
      describeStatus({
        version: VERSION,
        startedAt,
        config,
        relayId: credentials.relayId,
        site: { id: siteId, name: sync.current()?.site.name ?? null },
        waitingForRestart,
        contact,
        clock,
        interfaces: served.views(),
        leasesInUse: leasesInUse(),
        underWay: gate.inside,
        images: { ...cache.stats(), maxBytes: shareDisk(config).images },
        mirrors: mirror.stats(),
        journal: journal.stats(),
        bootFilesProblem: rootProblem?.message,
      }),
    async configure(next, waiting) {
      config = next;
      waitingForRestart = waiting;
      for (const each of [options.log, log]) each.level = config.log.level;
      pacer.setRates(ratesOf(config));
      const room = shareDisk(config);
      await cache.configure({ ...config.cache, maxBytes: room.images });
      mirror.setMaxBytes(room.mirrors);
      await bootFiles.look(config.bootFiles, sync.current());
      await served.reconfigure(config, AbortSignal.timeout(REMOVED_INTERFACE_MS));
    },
  };
}

function ratesOf({ http }: RelayConfig): PacerRates {
  return { bytesPerSecond: http.maxRate, bytesPerSecondPerClient: http.maxRatePerClient };
}

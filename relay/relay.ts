import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

import type { ImageCache } from "./cache/image-cache.ts";
import { startImageCache } from "./cache/start.ts";
import { createBootFileAvailability } from "./boot-file-availability.ts";
import { createFileRoot, findRootProblem } from "./boot-files/file-root.ts";
import type { RelayConfig } from "./config/model.ts";
import { createControlPlaneClient } from "./control-plane/client.ts";
import { readCredentials, type RelayCredentials } from "./control-plane/credentials.ts";
import { deliverEvents } from "./control-plane/deliver-events.ts";
import { createSignOfLife } from "./control-plane/sign-of-life.ts";
import { createStateFile } from "./control-plane/state-file.ts";
import { createStateSync, type StateSync } from "./control-plane/state-sync.ts";
import { LastGoodStore } from "./decision/last-good-store.ts";
import { OverheardClients } from "./dhcp/overheard.ts";
import type { Subnet } from "./dhcp/subnet.ts";
import { RelayError } from "./errors.ts";
import { Gate } from "./http/gate.ts";
import { createClientObserver } from "./http/observe-client.ts";
import type { HttpListener } from "./http/server.ts";
import { createPacer } from "./http/pacer.ts";
import { createUpstream } from "./http/upstream.ts";
import { createInterfaceServices, type InterfaceServices } from "./interface-services.ts";
import { createJournal } from "./journal/journal.ts";
import { KeptInterface } from "./kept-interface.ts";
import { LeaseStore } from "./leases/lease-store.ts";
import { createMachineHttp } from "./machine-http.ts";
import { shareDisk, startMirror } from "./mirror/start.ts";
import { createCachedLookup } from "./net/cached-lookup.ts";
import { type InterfaceInfo, readInterface } from "./net/interfaces.ts";
import { lookupNeighbour } from "./net/neighbours.ts";
import { ReservationWatch } from "./reservation-watch.ts";
import { lockStateDir } from "./state-dir-lock.ts";
import { StopStack } from "./stop-stack.ts";

/** A running relay. */
export type Relay = {
  /** Where it answers HTTP just now. */
  readonly http: readonly HttpListener[];
  /** Ends it in the order opposite to its start; what is undelivered stays on disk. */
  stop(): Promise<void>;
};

export type RelayOptions = { readonly config: RelayConfig; readonly log: Logger };

/** Reservations are worth a wait, a dead WAN is not worth a long one. */
const FIRST_STATE_WAIT_MS = 5000;

/**
 * Starts all of a relay: state and leases first, DHCP last, so that nobody is
 * sent to something that does not answer yet.
 *
 * @throws PxedgeError with a sentence that says what to do; nothing is left running then
 */
export async function startRelay({ config, log }: RelayOptions): Promise<Relay> {
  const running = new StopStack(log);
  try {
    const interfaces = await startParts(config, log, running);
    const relay: Relay = {
      get http() {
        return interfaces.flatMap(({ http }) => http ?? []);
      },
      stop: () => running.stop(),
    };
    log.info({ http: relay.http }, "the relay runs");
    return relay;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

async function startParts(
  config: RelayConfig,
  log: Logger,
  running: StopStack,
): Promise<readonly KeptInterface[]> {
  const { stateDir } = config;
  const credentials = await requireCredentials(config, log);
  const fileRoot = createFileRoot(config.tftp.root);
  const rootProblem = await findRootProblem(config.tftp.root);
  // Addresses, scripts and images can be had without boot files.
  if (rootProblem !== undefined) log.error({ err: rootProblem }, rootProblem.message);
  running.push(lockStateDir(stateDir));

  const leases = new LeaseStore({ path: join(stateDir, "leases.db"), now: Date.now });
  running.push(() => leases.close());

  const { url } = config.controlPlane;
  const { credential, siteId } = credentials;
  const signOfLife = createSignOfLife();
  const onRevision = (revision: string): void => sync.noteRevision(revision);
  const client = createControlPlaneClient({
    url,
    credential,
    onRevision: (revision) => {
      signOfLife.note();
      onRevision(revision);
    },
  });
  const bootFiles = createBootFileAvailability(fileRoot, Date.now);
  const interfaces: KeptInterface[] = [];
  const reservations = new ReservationWatch({
    site: () => sync.current(),
    subnets: () => subnetsOf(interfaces),
    log,
  });
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

  const journal = openState(join(stateDir, "journal.db"), "the journal of events", (file) =>
    createJournal({ file, deliver: (events, signal) => deliverEvents(client, events, signal), log }),
  );
  running.push(() => journal.stop());
  const lastGood = openState(
    join(stateDir, "last-good.db"),
    "the scripts that machines boot while the WAN is down, in",
    (file) =>
      new LastGoodStore({
        file,
        now: Date.now,
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
  });
  running.push(() => images?.stop());

  const overheard = new OverheardClients(Date.now);
  const observe = createClientObserver({
    macByAddress: (address) => leases.macByAddress(address),
    lookupNeighbour,
    overheard: (address, device) => overheard.macByAddress(address, device),
  });
  const lookup = createCachedLookup();
  const mirror = startMirror({ stateDir, maxBytes: budget.mirrors, lookup, log });
  running.push(() => mirror.stop());
  const upstream = createUpstream({
    url,
    credential,
    onRevision,
    onAnswer: () => signOfLife.note(),
    lookup,
  });
  running.push(() => upstream.close());
  const machineHttp = createMachineHttp({
    upstream,
    images,
    siteId,
    site: () => sync.current(),
    signOfLife,
    probe: () => void sync.refresh(),
    lastGood,
    journal,
    mirror,
    mirrors: config.mirrors,
    fileRoot,
    gate: new Gate(),
    pacer: createPacer({
      bytesPerSecond: config.http.maxRate,
      bytesPerSecondPerClient: config.http.maxRatePerClient,
      now: () => performance.now(),
    }),
    observe,
    decisionMs: config.controlPlane.decisionSeconds * 1000,
    log,
  });
  const shared = {
    config,
    handleRequest: machineHttp.handle,
    handleForTftp: machineHttp.handleForTftp,
    leases,
    site: () => sync.current(),
    bootFiles,
    observe,
    overheard,
    onEvent: journal.sink,
    log,
  };
  for (const { name, dhcp } of config.interfaces) {
    const createServices = (info: InterfaceInfo): InterfaceServices =>
      createInterfaceServices({ ...shared, dhcp, info });
    const onServed = (): void => reservations.look();
    const options = { name, read: readInterface, createServices, onServed, log, now: Date.now };
    interfaces.push(new KeptInterface(options));
  }
  await startInterfaces(interfaces, running);
  return interfaces;
}

/** All networks that addresses are given in; `undefined` while an interface is not served. */
function subnetsOf(interfaces: readonly KeptInterface[]): readonly Subnet[] | undefined {
  const all = interfaces.map(({ subnets }) => subnets);
  return all.length === 0 || all.includes(undefined) ? undefined : all.flatMap((subnets) => subnets ?? []);
}

/** @throws what is wrong with the first interface if none is served: then it is the configuration that is wrong */
async function startInterfaces(interfaces: readonly KeptInterface[], running: StopStack): Promise<void> {
  const failures: unknown[] = [];
  for (const each of interfaces) {
    running.push(() => each.stop());
    const failure = await each.start();
    if (failure !== undefined) failures.push(failure);
  }
  if (failures.length === interfaces.length) throw failures[0];
}

async function requireCredentials(config: RelayConfig, log: Logger): Promise<RelayCredentials> {
  const { stateDir, controlPlane } = config;
  const credentials = await readCredentials(stateDir);
  if (credentials === undefined) {
    throw new RelayError(
      "not-joined",
      `there are no credentials in ${stateDir}: run \`pxedge relay join --url ${controlPlane.url} --token TOKEN --state-dir ${stateDir}\` with a join token of the site`,
    );
  }
  if (credentials.url !== controlPlane.url) {
    log.warn(
      { joined: credentials.url, configured: controlPlane.url },
      "the relay joined by another address of the control plane than it is configured with",
    );
  }
  return credentials;
}

/** A dead WAN does not stop a site; a revoked relay is told at once. */
async function fetchFirstState(sync: StateSync): Promise<void> {
  const waited = sleep(FIRST_STATE_WAIT_MS, undefined, { ref: false });
  const outcome = await Promise.race([sync.refresh(), waited]);
  if (outcome !== "unauthorized") return;
  throw new RelayError(
    "credentials-refused",
    "the control plane refuses this relay's credentials: run `pxedge relay join` again with a new join token of the site",
  );
}

/** @throws RelayError `state-dir-unusable` */
function openState<T>(file: string, what: string, open: (file: string) => T): T {
  try {
    return open(file);
  } catch (error) {
    throw new RelayError(
      "state-dir-unusable",
      `${what} ${file} cannot be used (${(error as Error).message}): make it writable for this user, or move it away`,
      { cause: error },
    );
  }
}

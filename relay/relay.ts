import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

import { createBootFileAvailability } from "./boot-file-availability.ts";
import { openFileRoot } from "./boot-files/file-root.ts";
import type { DhcpConfig, RelayConfig } from "./config/model.ts";
import { createControlPlaneClient } from "./control-plane/client.ts";
import { readCredentials, type RelayCredentials } from "./control-plane/credentials.ts";
import { deliverEvents } from "./control-plane/deliver-events.ts";
import { createStateFile } from "./control-plane/state-file.ts";
import { createStateSync, type StateSync } from "./control-plane/state-sync.ts";
import { RelayError } from "./errors.ts";
import { createExchangeReporter } from "./http/exchange-events.ts";
import { createRequestHandler } from "./http/handle-request.ts";
import { createClientObserver } from "./http/observe-client.ts";
import { startHttpServer, type HttpListener } from "./http/server.ts";
import { createUpstream } from "./http/upstream.ts";
import { startInterfaceServices, type OnStop } from "./interface-services.ts";
import { createJournal, type Journal, type JournalOptions } from "./journal/journal.ts";
import { LeaseStore } from "./leases/lease-store.ts";
import { type InterfaceInfo, readInterface } from "./net/interfaces.ts";
import { lookupNeighbour } from "./net/neighbours.ts";
import { lockStateDir } from "./state-dir-lock.ts";

/** A running relay. */
export type Relay = {
  /** Where it answers HTTP. */
  readonly http: readonly HttpListener[];
  /** Ends it in the order opposite to its start; what is undelivered stays on disk. */
  stop(): Promise<void>;
};

export type RelayOptions = { readonly config: RelayConfig; readonly log: Logger };

/** As the control plane's default; for a site whose state was never fetched. */
const DEFAULT_BOOT_WAIT_SECONDS = 300;

/** Reservations are worth a wait, a dead WAN is not worth a long one. */
const FIRST_STATE_WAIT_MS = 5000;

/**
 * Starts all of a relay: state and leases first, DHCP last, so that nobody is
 * sent to something that does not answer yet.
 *
 * @throws PxedgeError with a sentence that says what to do; nothing is left running then
 */
export async function startRelay({ config, log }: RelayOptions): Promise<Relay> {
  const stops: Parameters<OnStop>[0][] = [];
  const stop = async (): Promise<void> => {
    for (const step of stops.splice(0).toReversed()) {
      try {
        await step();
      } catch (error) {
        // The others still have to be stopped.
        log.error({ err: error }, "a part of the relay could not be stopped cleanly");
      }
    }
  };
  try {
    const http = await startParts(config, log, (step) => stops.push(step));
    log.info({ http }, "the relay runs");
    return { http, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  config: RelayConfig,
  log: Logger,
  onStop: OnStop,
): Promise<readonly HttpListener[]> {
  const { stateDir } = config;
  const credentials = await requireCredentials(config, log);
  const interfaces = readInterfaces(config, log);
  const fileRoot = await openFileRoot(config.tftp.root);
  onStop(lockStateDir(stateDir));

  const leases = new LeaseStore({ path: join(stateDir, "leases.db"), now: Date.now });
  onStop(() => leases.close());

  const { url } = config.controlPlane;
  const { credential, siteId } = credentials;
  const client = createControlPlaneClient({
    url,
    credential,
    onRevision: (revision) => sync.noteRevision(revision),
  });
  const bootFiles = createBootFileAvailability(fileRoot, Date.now);
  const sync: StateSync = await createStateSync({
    client,
    file: createStateFile(stateDir, siteId, log),
    siteId,
    log,
    onChange: (state) => void bootFiles.look(config.bootFiles, state),
  });
  onStop(() => sync.stop());
  await fetchFirstState(sync);
  await bootFiles.look(config.bootFiles, sync.current());

  const journal = openJournal({
    file: join(stateDir, "journal.db"),
    deliver: (events, signal) => deliverEvents(client, events, signal),
    log,
  });
  onStop(() => journal.stop());

  const observe = createClientObserver({
    macByAddress: (address) => leases.macByAddress(address),
    lookupNeighbour,
  });
  const upstream = createUpstream({
    url,
    credential,
    onRevision: (revision) => sync.noteRevision(revision),
  });
  onStop(() => upstream.close());
  const server = await startHttpServer(
    interfaces.map(({ info }) => ({ interface: info.name, address: info.address, port: config.http.port })),
    createRequestHandler({
      upstream,
      fileRoot,
      observe,
      bootWaitSeconds: () => bootWaitOf(sync),
      report: createExchangeReporter(journal.sink, log, Date.now),
      log,
    }),
    log,
  );
  onStop(() => server.stop());

  await eachUnlessAll(interfaces, log, async ({ info, dhcp }, index) => {
    const options = {
      config,
      dhcp,
      info,
      httpPort: server.listeners[index]!.port,
      leases,
      site: () => sync.current(),
      bootFiles,
      observe,
      onEvent: journal.sink,
      log,
    };
    await startInterfaceServices(options, onStop);
  });
  return server.listeners;
}

type ServedInterface = { readonly info: InterfaceInfo; readonly dhcp: DhcpConfig };

/** The interfaces that are there. @throws NetError if none is */
function readInterfaces(config: RelayConfig, log: Logger): ServedInterface[] {
  const served: ServedInterface[] = [];
  const errors: unknown[] = [];
  for (const { name, dhcp } of config.interfaces) {
    try {
      served.push({ info: readInterface(name), dhcp });
    } catch (error) {
      errors.push(error);
      if (config.interfaces.length > 1) log.error({ interface: name, err: error }, NOT_SERVED);
    }
  }
  if (served.length === 0) throw errors[0];
  return served;
}

/**
 * Starts interface by interface: what is wrong with one does not concern the others.
 *
 * @throws what was wrong with the first if none could be started
 */
async function eachUnlessAll(
  interfaces: readonly ServedInterface[],
  log: Logger,
  start: (each: ServedInterface, index: number) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = [];
  for (const [index, each] of interfaces.entries()) {
    try {
      await start(each, index);
    } catch (error) {
      errors.push(error);
      if (interfaces.length > 1) log.error({ interface: each.info.name, err: error }, NOT_SERVED);
    }
  }
  if (errors.length === interfaces.length) throw errors[0];
}

const NOT_SERVED = "an interface cannot be served; the others go on";

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

function openJournal(options: JournalOptions): Journal {
  try {
    return createJournal(options);
  } catch (error) {
    throw new RelayError(
      "state-dir-unusable",
      `the journal of events ${options.file} cannot be used (${(error as Error).message}): make it writable for this user, or move it away`,
      { cause: error },
    );
  }
}

function bootWaitOf(sync: StateSync): number | null {
  const state = sync.current();
  return state === undefined ? DEFAULT_BOOT_WAIT_SECONDS : state.site.bootWaitSeconds;
}

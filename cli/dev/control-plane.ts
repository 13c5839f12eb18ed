import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import {
  convertV4MiniflareOptions,
  fetch,
  Log,
  LogLevel,
  Miniflare,
  type Request,
  type Response,
} from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A control plane on this machine: the Worker in workerd, its state in a folder. */
export type LocalControlPlane = {
  /** Without a trailing slash. */
  readonly url: string;
  readonly adminToken: string;
  stop(): Promise<void>;
};

/**
 * Starts the Worker on workerd. KV, R2 and the Durable Objects persist under
 * `stateDir`, as do the secrets, which are made at the first start.
 */
export async function startControlPlane(options: {
  readonly host: string;
  readonly port: number;
  readonly stateDir: string;
  /** Serves HTTPS; both PEM, the certificate with those that lead to its root. */
  readonly tls?: { readonly key: string; readonly certificates: string };
  /** The origin that gets all that the Worker fetches from the internet; for tests. */
  readonly internet?: string;
}): Promise<LocalControlPlane> {
  mkdirSync(options.stateDir, { recursive: true });
  const secrets = loadSecrets(join(options.stateDir, "secrets.json"));
  // wrangler.toml is the one place that says which bindings the Worker has.
  const { workerOptions } = unstable_getMiniflareWorkerOptions(join(ROOT, "wrangler.toml"));
  const miniflareOptions = convertV4MiniflareOptions({
    ...workerOptions,
    modules: [{ type: "ESModule", path: "worker.js", contents: await bundleWorker() }],
    bindings: secrets,
    host: options.host,
    port: options.port,
    ...(options.tls && { httpsKey: options.tls.key, httpsCert: options.tls.certificates }),
    ...(options.internet && { outboundService: allTo(options.internet) }),
    resourcePersistencePath: join(options.stateDir, "workerd"),
    // Nothing here reads request.cf, and fetching it needs the internet.
    cf: false,
    log: new Log(LogLevel.WARN),
  });
  const miniflare = keepingSignals(() => new Miniflare(miniflareOptions));
  // Its URL is of an entrance of its own, on loopback.
  await miniflare.ready;
  return {
    url: `${options.tls ? "https" : "http"}://${options.host}:${options.port}`,
    adminToken: secrets.ADMIN_TOKEN,
    stop: () => miniflare.dispose(),
  };
}

/** Sends a request, whatever it is for, to one server. */
function allTo(origin: string): (request: Request) => Promise<Response> {
  return (request) => {
    const { pathname, search } = new URL(request.url);
    return fetch(origin + pathname + search, request);
  };
}

/**
 * Takes back the signal handlers that Miniflare installs: they would end the
 * process at once, with the relay's leases and events unsaved. Its handler for
 * the process's exit stays, so that workerd never outlives this process.
 */
function keepingSignals<T>(run: () => T): T {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = signals.map((signal) => process.listeners(signal));
  const value = run();
  for (const [i, signal] of signals.entries()) {
    for (const listener of process.listeners(signal)) {
      if (!before[i]!.includes(listener)) process.off(signal, listener);
    }
  }
  return value;
}

/** The Worker as one ES module. */
async function bundleWorker(): Promise<string> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ["worker/main.ts"],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*"],
    logLevel: "error",
  });
  return result.outputFiles[0]!.text;
}

type Secrets = { ADMIN_TOKEN: string; IMAGE_KEYS: string; SECRET_KEYS: string };

/** Those of an earlier start, and new ones for what was not there then. */
function loadSecrets(file: string): Secrets {
  const newKey = () => `dev:${randomBytes(32).toString("base64url")}`;
  const secrets: Secrets = {
    ADMIN_TOKEN: `pxa_${randomBytes(24).toString("hex")}`,
    IMAGE_KEYS: newKey(),
    SECRET_KEYS: newKey(),
    ...readSecrets(file),
  };
  writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 });
  return secrets;
}

function readSecrets(file: string): Partial<Secrets> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Partial<Secrets>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return {};
  }
}

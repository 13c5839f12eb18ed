/**
 * Holds the mirror cache against the independent HTTP cache test suite
 * (https://cache-tests.fyi, the package `http-cache-tests`), which takes about
 * half a minute of mostly waiting:
 *
 *     npm install --prefix /tmp/suite http-cache-tests
 *     node test/relay/mirror/http-cache-suite.ts /tmp/suite/node_modules/http-cache-tests
 *
 * Prints what did not pass, then how many of each kind did, and the same of
 * the caches whose results come with the suite.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";

import { createPacer } from "../../../relay/http/pacer.ts";
import { serveMirrorFile } from "../../../relay/http/mirror-file.ts";
import { startHttpServer } from "../../../relay/http/server.ts";
import { startMirror } from "../../../relay/mirror/start.ts";
import { createCachedLookup } from "../../../relay/net/cached-lookup.ts";

type Results = Record<string, true | readonly string[]>;
type Test = { id: string; kind?: string; browser_only?: boolean; cdn_only?: boolean };

const [suite = ""] = process.argv.slice(2);
const PORT = "18765";
const stateDir = mkdtempSync(join(tmpdir(), "pxedge-suite-"));
const log = pino({ level: "warn" }, pino.destination(2));

async function runSuite(url: string): Promise<Results> {
  // As its npm scripts would set them.
  const settings = {
    npm_config_base: url,
    npm_config_protocol: "http",
    npm_config_port: PORT,
    npm_config_pidfile: join(stateDir, "pid"),
    npm_package_config_id: "",
  };
  const start = (program: string) =>
    spawn(process.execPath, [program], {
      cwd: suite,
      env: { ...process.env, ...settings },
      stdio: ["ignore", "pipe", "inherit"],
    });
  const origin = start("server/server.mjs");
  try {
    await once(origin.stdout, "data");
    const client = start("cli.mjs");
    let output = "";
    client.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await once(client, "close");
    return JSON.parse(output.slice(output.indexOf("{"))) as Results;
  } finally {
    origin.kill();
  }
}

const { default: groups } = (await import(join(suite, "tests/index.mjs"))) as {
  default: { id: string; tests: Test[] }[];
};
const tests = groups.flatMap((group) => group.tests).filter((test) => !test.browser_only && !test.cdn_only);

/** E.g. `required 152/157, optimal 78/86, check 55/86`; a check is no judgement. */
function summarize(results: Results): string {
  return ["required", "optimal", "check"]
    .map((kind) => {
      const ofKind = tests.filter((test) => (test.kind ?? "required") === kind);
      return `${kind} ${ofKind.filter(({ id }) => results[id] === true).length}/${ofKind.length}`;
    })
    .join(", ");
}

const mirror = startMirror({
  ...{ stateDir, maxBytes: 2 ** 30, lookup: createCachedLookup(), log },
  onEvent: () => undefined,
});
const mirrors = { suite: { upstream: `http://127.0.0.1:${PORT}`, redirects: [], immutable: [] } };
const pacer = createPacer({
  bytesPerSecond: null,
  bytesPerSecondPerClient: null,
  now: () => performance.now(),
});
const server = await startHttpServer(
  { interface: "lo", address: "127.0.0.1", port: 0 },
  (request, response) => {
    response.on("error", () => undefined);
    serveMirrorFile({ mirror, mirrors: () => mirrors, pacer }, request.url!, request, response).catch(
      (error: unknown) => {
        log.error({ err: error }, "a request could not be answered");
        response.destroy();
      },
    );
  },
  log,
);
try {
  const results = await runSuite(`http://127.0.0.1:${server.listener.port}/mirror/suite`);
  for (const { id, kind = "required" } of tests) {
    if (kind !== "check" && results[id] !== true) console.log(`${kind} ${id}: ${String(results[id])}`);
  }
  console.log(`pxedge: ${summarize(results)}`);
  for (const name of ["nginx", "squid", "varnish", "apache", "trafficserver"]) {
    const theirs = JSON.parse(readFileSync(join(suite, `results/${name}.json`), "utf8")) as Results;
    console.log(`${name}: ${summarize(theirs)}`);
  }
} finally {
  await server.stop();
  mirror.stop();
  rmSync(stateDir, { recursive: true, force: true });
}

import type { IncomingHttpHeaders } from "node:http";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import { waitFor } from "./wait.ts";
import type { Lab } from "./network.ts";

/** One HTTP request, as it came in. */
export type RecordedRequest = {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

/** An HTTP server on the relay's LAN address that remembers what it was asked. */
export type Recorder = {
  /** E.g. `http://192.168.77.1:8099`. */
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  /** The first request whose target matches, past or to come. */
  readonly waitForRequest: (target: RegExp | string, timeoutMs: number) => Promise<RecordedRequest>;
  readonly stop: () => Promise<void>;
};

const START_TIMEOUT_MS = 20_000;

/**
 * Starts a recorder as a process of its own, inside the relay's namespace, so
 * that machines reach it. With a `directory` it serves the files in there, 404
 * to any other GET and 204 to a POST. Without one it answers nothing, so that
 * who asked stays at that very step.
 *
 * @example the stub of an installer's package mirror, or a script's beacon
 */
export async function startRecorder(
  lab: Lab,
  options: { readonly port: number; readonly directory?: string },
): Promise<Recorder> {
  const program = fileURLToPath(new URL("recorder-process.ts", import.meta.url));
  const args = [program, lab.lanAddress, String(options.port)];
  if (options.directory !== undefined) args.push(options.directory);
  const child = await lab.spawn(process.execPath, args);

  const requests: RecordedRequest[] = [];
  let isListening = false;
  createInterface({ input: child.process.stdout! }).on("line", (line) => {
    if (line === "listening") isListening = true;
    else requests.push(JSON.parse(line) as RecordedRequest);
  });
  await waitFor(
    () => isListening,
    START_TIMEOUT_MS,
    () => `recorder does not listen: ${child.output()}`,
  );

  const matches = (request: RecordedRequest, target: RegExp | string) =>
    typeof target === "string" ? request.target === target : target.test(request.target);
  return {
    url: `http://${lab.lanAddress}:${options.port}`,
    requests,
    waitForRequest: (target, timeoutMs) =>
      waitFor(
        () => requests.find((request) => matches(request, target)),
        timeoutMs,
        () => `no request for ${target}; seen: ${requests.map((request) => request.target).join(" ")}`,
      ),
    stop: () => child.stop(),
  };
}

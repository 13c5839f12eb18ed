/**
 * Kills an image cache with SIGKILL again and again, in fills, commits and
 * evictions, tears what it left on the disk as a power cut does, and looks at
 * every byte that it ever served.
 *
 *     node test/relay/cache/kill-loop.ts [--rounds 1000] [--seed 1]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readdir, rm, stat, truncate } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { addFile, MIB, openFakeOrigin, patterned, signPath } from "./fake-origin.ts";

export type KillLoopResult = {
  readonly rounds: number;
  readonly servedBytes: number;
  /** Downloads that came to their end before the kill. */
  readonly whole: number;
  /** Places where what was served is not what it should be. */
  readonly wrong: readonly string[];
};

const CACHE_PROCESS = fileURLToPath(new URL("cache-process.ts", import.meta.url));
/** Not enough for all files: objects are evicted, too. */
const MAX_BYTES = 12 * MIB;
const SIZES = [4096, 700_000, MIB, 3 * MIB + 17, 5 * MIB, 6 * MIB + 1];
const DOWNLOADS = 4;
/** A round that is not cut by time is cut once so much was served in it, however slow the machine is. */
const ROUND_BYTES = 4 * MIB;
/** Nothing is that slow: the cache has stopped serving. */
const ROUND_TIMEOUT_MS = 60_000;

export async function runKillLoop({
  rounds,
  seed,
}: {
  rounds: number;
  seed: number;
}): Promise<KillLoopResult> {
  const random = createRandom(seed);
  const origin = await openFakeOrigin();
  const stateDir = await mkdtemp(join(tmpdir(), "pxedge-kill-"));
  const files = SIZES.map((size, i) => {
    // One is of those that only have the hash of the whole.
    const bytes = addFile(origin, `file-${i}`, patterned(size, i + 1), i !== 3);
    return { path: `file-${i}`, bytes };
  });
  const wrong: string[] = [];
  let servedBytes = 0;
  let whole = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      const child = fork(CACHE_PROCESS, [stateDir, origin.url, String(MAX_BYTES)], { execArgv: [] });
      const exited = once(child, "exit");
      const died = exited.then(() => Promise.reject(new Error(`round ${round}: the cache did not start`)));
      const [port] = (await Promise.race([once(child, "message"), died])) as [number];
      // From here on it is to die.
      died.catch(() => undefined);
      origin.rate = random() < 0.5 ? 0 : 20 * MIB;
      const enough = Promise.withResolvers<void>();
      let servedInRound = 0;
      const count = (bytes: number): void => {
        servedBytes += bytes;
        servedInRound += bytes;
        if (servedInRound >= ROUND_BYTES) enough.resolve();
      };
      const downloads = Array.from({ length: DOWNLOADS }, async () => {
        while (child.connected) {
          const { path, bytes } = files[Math.floor(random() * files.length)]!;
          const first = random() < 0.5 ? 0 : Math.floor(random() * bytes.length);
          const url = `http://127.0.0.1:${port}${await signPath(path)}`;
          const received = await receive(url, first, count);
          if (received.isWhole) whole++;
          const expected = bytes.subarray(first, first + received.bytes.length);
          const isRight = received.bytes.equals(expected);
          const isLong = !received.isWhole || received.bytes.length === bytes.length - first;
          if (!isRight || !isLong) wrong.push(`round ${round}: ${path} from ${first}`);
        }
      });
      // By time, it may be killed before it serves anything; by bytes, in the middle of it.
      if (round % 2 === 0) await sleep(random() * 400);
      else await Promise.race([enough.promise, exited, sleep(ROUND_TIMEOUT_MS, undefined, { ref: false })]);
      child.kill("SIGKILL");
      await exited;
      await Promise.all(downloads);
      if (child.exitCode !== null) wrong.push(`round ${round}: the cache ended by itself`);
      if (round % 2 === 1 && servedInRound < ROUND_BYTES) {
        wrong.push(`round ${round}: ${servedInRound} bytes in ${ROUND_TIMEOUT_MS / 1000} s`);
      }
      if (random() < 0.3) await tear(join(stateDir, "cache", "objects"), random);
    }
  } finally {
    await origin.close();
    await rm(stateDir, { recursive: true, force: true });
  }
  return { rounds, servedBytes, whole, wrong };
}

/** What came until the end or the cut; the status of what did not begin is of no interest. */
async function receive(
  url: string,
  first: number,
  onBytes: (count: number) => void,
): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const pieces: Buffer[] = [];
  try {
    const request = get(url, { agent: false, headers: first === 0 ? {} : { range: `bytes=${first}-` } });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    request.on("error", () => undefined);
    if (response.statusCode !== 200 && response.statusCode !== 206) {
      response.resume();
      return { bytes: Buffer.alloc(0), isWhole: false };
    }
    for await (const piece of response as AsyncIterable<Buffer>) {
      pieces.push(piece);
      onBytes(piece.length);
    }
    return { bytes: Buffer.concat(pieces), isWhole: true };
  } catch {
    // Killed in mid-file, or before it began.
    return { bytes: Buffer.concat(pieces), isWhole: false };
  }
}

/** Does to one file what a power cut may: a page of zeros where data had not arrived, or a shorter file. */
async function tear(folder: string, random: () => number): Promise<void> {
  const names = await readdir(folder);
  const name = names[Math.floor(random() * names.length)];
  if (name === undefined) return;
  const path = join(folder, name);
  const { size } = await stat(path);
  const at = Math.floor((random() * size) / 4096) * 4096;
  if (random() < 0.3) {
    await truncate(path, at);
    return;
  }
  const file = await open(path, "r+");
  try {
    await file.write(Buffer.alloc(Math.min(4096, size - at)), 0, undefined, at);
  } finally {
    await file.close();
  }
}

/** A small generator with a seed (mulberry32): what failed once fails again. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { rounds: { type: "string", default: "1000" }, seed: { type: "string", default: "1" } },
  });
  const result = await runKillLoop({ rounds: Number(values.rounds), seed: Number(values.seed) });
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if (result.wrong.length > 0) process.exitCode = 1;
}

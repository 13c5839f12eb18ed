import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

import type { PrefetchFile } from "../../../core/relay-protocol/state.ts";
import { addFile, type FakeOrigin, MIB, patterned, REVISION } from "./fake-origin.ts";
import { download, makeStateDir, startCache, startFakeOrigin } from "./fixture.ts";
import { eventually } from "../../support/eventually.ts";

function wanted(origin: FakeOrigin, path: string): PrefetchFile {
  const { sizeBytes, sha256 } = origin.manifest[path]!;
  return { image: "debian-12", revision: REVISION, path, sizeBytes, sha256 };
}

const kept = (stateDir: string): Promise<string[]> => readdir(join(stateDir, "cache/objects"));

test("what an order will need is here before a machine asks, also of a file without chunks", async () => {
  const relay = await startCache();
  const linux = addFile(relay.origin, "linux", patterned(2 * MIB + 3, 1));
  addFile(relay.origin, "initrd", patterned(3 * MIB, 2), false);
  relay.cache.prefetch(["linux", "initrd"].map((path) => wanted(relay.origin, path)));
  await eventually(async () => expect(relay.cache.stats()).toMatchObject({ objects: 2, bytes: 5 * MIB + 3 }));
  await eventually(async () =>
    expect((await kept(relay.stateDir)).filter((name) => name.endsWith(".part"))).toEqual([]),
  );
  const asked = relay.origin.requests.length;
  expect((await download(await relay.sign("linux"))).body.equals(linux)).toBe(true);
  expect(relay.origin.requests).toHaveLength(asked);
  expect(relay.cache.stats()).toMatchObject({ hits: 1, fills: 0 });
});

test("it gives way to a machine that waits for another file, and goes on afterwards without a byte twice", async () => {
  const relay = await startCache();
  const later = addFile(relay.origin, "later", patterned(6 * MIB, 1));
  const now = addFile(relay.origin, "now", patterned(2 * MIB, 2));
  relay.origin.rate = 2 * MIB;
  relay.cache.prefetch([wanted(relay.origin, "later")]);
  await eventually(() => expect(relay.origin.sentBytes).toBeGreaterThan(1.5 * MIB));
  relay.origin.rate = MIB;
  const downloading = download(await relay.sign("now"));
  await eventually(() => expect(relay.origin.requests.map(({ path }) => path)).toEqual(["later", "now"]));
  expect((await downloading).body.equals(now)).toBe(true);
  relay.origin.rate = 0;
  await eventually(() => expect(relay.cache.stats().objects).toBe(2));
  expect((await download(await relay.sign("later"))).body.equals(later)).toBe(true);
  const [, , resumed] = relay.origin.requests;
  expect(resumed).toMatchObject({ path: "later", range: expect.stringMatching(/^bytes=[1-9]\d*-/) });
}, 20_000);

test("a machine that asks for the file being prefetched joins it", async () => {
  const relay = await startCache();
  const bytes = addFile(relay.origin, "linux", patterned(3 * MIB));
  relay.origin.rate = 4 * MIB;
  relay.cache.prefetch([wanted(relay.origin, "linux")]);
  await eventually(() => expect(relay.origin.requests).toHaveLength(1));
  expect((await download(await relay.sign("linux"))).body.equals(bytes)).toBe(true);
  expect(relay.origin.requests).toHaveLength(1);
});

test("what is here already is not asked for again after a restart", async () => {
  const origin = await startFakeOrigin();
  const stateDir = await makeStateDir();
  addFile(origin, "linux", patterned(2 * MIB));
  const prefetch = [wanted(origin, "linux")];
  const first = await startCache({ origin, stateDir, prefetch });
  await eventually(() => expect(first.events).toMatchObject([{ name: "cached" }]));
  await first.cache.stop();
  const second = await startCache({ origin, stateDir, prefetch });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(origin.requests).toHaveLength(1);
  expect(second.cache.stats()).toMatchObject({ originBytes: 0, objects: 1 });
});

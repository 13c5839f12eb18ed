import { expect, test } from "vitest";

import { createThrottle } from "../../../relay/cache/throttle.ts";
import { addFile, MIB, patterned } from "./fake-origin.ts";
import { download, startCache } from "./fixture.ts";

test("downloads together keep to their rate", async () => {
  const throttle = createThrottle(
    () => MIB,
    () => performance.now(),
  );
  const { signal } = new AbortController();
  const receive = async () => {
    for (let piece = 0; piece < 5; piece++) await throttle(64 * 1024, signal);
  };
  const start = performance.now();
  await Promise.all([receive(), receive(), receive(), receive()]);
  // 1.25 MiB, of which the first tenth of a second's worth and the last pieces are not waited for.
  expect(performance.now() - start).toBeGreaterThan(850);
});

test("who is not wanted any more does not wait", async () => {
  const throttle = createThrottle(
    () => 16 * 1024,
    () => performance.now(),
  );
  const controller = new AbortController();
  await throttle(1024 * MIB, controller.signal);
  const waiting = throttle(1, controller.signal);
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
});

test("a machine gets an image no faster than the WAN's rate, and whole", async () => {
  const relay = await startCache({ maxRate: 2 * MIB });
  const linux = addFile(relay.origin, "linux", patterned(4 * MIB));
  const start = performance.now();
  expect((await download(await relay.sign("linux"))).body.equals(linux)).toBe(true);
  // A loaded machine takes longer, never less; from the cache it takes as long as it takes.
  expect(performance.now() - start).toBeGreaterThan(1700);
  expect((await download(await relay.sign("linux"))).body.equals(linux)).toBe(true);
});

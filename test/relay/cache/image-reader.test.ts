import { expect, test } from "vitest";

import { CacheDiskError } from "../../../relay/cache/errors.ts";
import { openImageReader } from "../../../relay/cache/image-reader.ts";
import type { Lease } from "../../../relay/cache/open-objects.ts";
import type { Receiver } from "../../../relay/cache/receive.ts";

test("a disk that fails for a client that has left begins no download in its stead", async () => {
  const acquiring = Promise.withResolvers<Lease | undefined>();
  const told: string[] = [];
  const failed = Promise.withResolvers<void>();
  const unexpected = (): never => {
    throw new Error("a download was begun");
  };
  const receiver: Receiver = { chunks: unexpected, learn: unexpected };
  const object = { image: "i", revision: "r", path: "p", sizeBytes: 2 ** 24, sha256: "0".repeat(64) };
  const reader = openImageReader({
    object,
    receiver,
    acquire: () => acquiring.promise,
    onDiskError: () => failed.resolve(),
    onSource: (source) => told.push(source),
    onClosed: (source) => told.push(`closed ${source}`),
    onServed: () => undefined,
    onRejected: () => undefined,
  });
  const reading = reader.read(new Uint8Array(10), 0, 9);
  const ended = reading.catch((error: unknown) => error);
  reader.close();
  expect(await ended).toMatchObject({ code: "closed" });
  acquiring.reject(new CacheDiskError("the disk is gone"));
  await failed.promise;
  await new Promise((resolve) => setImmediate(resolve));
  // Whoever is counted as waiting for the WAN keeps prefetching from going on.
  expect(told).toEqual(["closed undefined"]);
});

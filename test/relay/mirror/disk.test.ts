import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

import { run } from "../../support/lab/child.ts";
import { missingNeed } from "../net/needs.ts";
import { send, startMirrored } from "./fixture.ts";

const MIB = 1024 * 1024;
const missing = missingNeed({ root: true, programs: ["/usr/bin/mount"] });

async function makeStateDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "pxedge-mirror-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Leaves no room, whatever else is written or removed meanwhile. */
async function fill(dir: string): Promise<void> {
  const filling = async () => {
    for (;;) await appendFile(join(dir, "other"), Buffer.alloc(64 * 1024));
  };
  await expect(filling()).rejects.toMatchObject({ code: "ENOSPC" });
}

test.skipIf(missing !== undefined)(
  "a full disk: what was used least recently gives way, and what does not fit is passed on, and said",
  async () => {
    const dir = await makeStateDir();
    await run("mount", ["-t", "tmpfs", "-o", "size=5m", "tmpfs", dir]);
    onTestFinished(async () => void (await run("umount", ["-l", dir])));
    const { origin, relay, get } = await startMirrored(send({}), {
      lastGoodDir: dir,
      mirrorBytes: 1024 * MIB,
    });
    const large = "x".repeat(2 * MIB);
    const length = { "content-length": String(large.length), "cache-control": "max-age=60" };
    origin.handle = send(length, large);
    for (const path of ["/a", "/b", "/b"]) expect((await get(path)).body).toBe(large);
    expect(origin.asked).toHaveLength(2);
    // The first one had to go for the second.
    await get("/a");
    expect(origin.asked).toHaveLength(3);

    await fill(dir);
    const huge = "y".repeat(6 * MIB);
    origin.handle = send({ ...length, "content-length": String(huge.length) }, huge);
    for (let times = 0; times < 2; times++) expect((await get("/c")).body).toBe(huge);
    expect(origin.asked).toHaveLength(5);
    const detail = { path: "/c", reason: "the disk is full" };
    expect(relay.events).toContainEqual(expect.objectContaining({ name: "uncached", detail }));
  },
);

test("a folder that cannot be used: files are passed on, and that is said", async () => {
  const dir = await makeStateDir();
  await writeFile(join(dir, "mirror"), "a file where a folder should be");
  const { origin, relay, get } = await startMirrored(send({ "cache-control": "max-age=60" }), {
    lastGoodDir: dir,
  });
  for (let times = 0; times < 2; times++) expect((await get("/a")).body).toBe("content");
  expect(origin.asked).toHaveLength(2);
  expect(relay.events[0]).toMatchObject({ name: "uncached", mac: null });
});

import { mkdir, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

import { run } from "../../support/lab/child.ts";
import { missingNeed } from "../net/needs.ts";
import { addFile, MIB, patterned } from "./fake-origin.ts";
import { download, makeStateDir, startCache } from "./fixture.ts";

const missing = missingNeed({ root: true, programs: ["/usr/bin/mount"] });

test.skipIf(missing !== undefined)(
  "a full disk: objects that are not in use give way, and what does not fit is passed on, verified",
  async () => {
    const stateDir = await makeStateDir();
    await run("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", stateDir]);
    onTestFinished(async () => void (await run("umount", ["-l", stateDir])));
    const relay = await startCache({ stateDir });
    const small = addFile(relay.origin, "small", patterned(2 * MIB, 1));
    const large = addFile(relay.origin, "large", patterned(9 * MIB, 2));
    expect((await download(await relay.sign("small"))).body.equals(small)).toBe(true);
    // Nothing is free for anybody else's bytes.
    await mkdir(join(stateDir, "other"));
    const { bavail, bsize } = await statfs(stateDir);
    await writeFile(join(stateDir, "other", "file"), Buffer.alloc(Math.max(0, bavail * bsize - MIB)));

    const url = await relay.sign("large");
    const answers = await Promise.all([download(url), download(url, { range: "bytes=5000000-" })]);
    expect(answers[0].body.equals(large)).toBe(true);
    expect(answers[1].body.equals(large.subarray(5_000_000))).toBe(true);
    expect(relay.events).toContainEqual(
      expect.objectContaining({
        name: "uncached",
        detail: expect.objectContaining({ path: "large", reason: expect.stringContaining("ENOSPC") }),
      }),
    );
    expect((await download(await relay.sign("small"))).body.equals(small)).toBe(true);
    expect(relay.cache.stats().bytes).toBeLessThanOrEqual(small.length);
  },
);

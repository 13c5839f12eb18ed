import { describe, expect, test } from "vitest";

import { ask } from "../http/fixture.ts";
import { addFile, KEY_1, KEY_2, patterned, REVISION } from "./fake-origin.ts";
import { download, makeStateDir, startCache, startFakeOrigin } from "./fixture.ts";

describe("signatures are checked here", () => {
  test("also on a hit, and with the WAN down", async () => {
    const origin = await startFakeOrigin();
    const stateDir = await makeStateDir();
    const bytes = addFile(origin, "linux", patterned(5000));
    const first = await startCache({ origin, stateDir });
    await download(await first.sign("linux"));
    await first.cache.stop();
    await origin.close();

    // A new process, without the control plane: manifest, keys and bytes are here.
    const relay = await startCache({ origin, stateDir });
    expect((await download(await relay.sign("linux"))).body.equals(bytes)).toBe(true);
    expect((await download(await relay.signTree("linux"))).body.equals(bytes)).toBe(true);
    expect((await download(`${await relay.sign("linux")}x`)).status).toBe(404);
    expect((await download(await relay.sign("linux", { key: { ...KEY_2, kid: "k1" } }))).status).toBe(404);
  });

  test("whatever is wrong with a URL, the answer is the same, byte for byte", async () => {
    const relay = await startCache();
    addFile(relay.origin, "linux", patterned(5000));
    const good = await relay.sign("linux");
    const tree = await relay.signTree("linux");
    await download(good);
    const wrong = [
      await relay.sign("no-such-file"),
      await relay.sign("linux", { expiresIn: -61 }),
      await relay.sign("linux", { siteId: "site-2" }),
      await relay.sign("linux", { key: KEY_2 }),
      good.replace("/linux", "/initrd"),
      good.replace(REVISION, "0".repeat(32)),
      good.replace("exp=", "exp=1"),
      good.replace("sig=", "sig=A"),
      good.replace(/&sig=.*/, ""),
      `${good}&x=1`,
      good.replace(/\?.*/, ""),
      tree.replace("/linux", "/"),
      tree.replace("/linux", "/no-such-file"),
      tree.replace("/linux", "/%zz"),
      tree.replace(/\.k1\..*?\//, ".k1.AAAAAAAAAAAAAAAAAAAAAA/"),
      tree.replace(".k1.", ".k9."),
      `${relay.url}/t/1.k.s/image/rev/dists/bookworm/`,
    ];
    const answers = [];
    for (const url of wrong) {
      const { date: _, ...headers } = (await ask(url)).headers;
      answers.push({ status: (await ask(url)).status, body: (await ask(url)).body, headers });
    }
    for (const each of answers) expect(each).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ status: 404, body: "not found\n" });
    expect(relay.origin.requests).toHaveLength(1);
  });

  test("every flipped character of a URL that was good is refused, though the good one is known", async () => {
    const relay = await startCache();
    addFile(relay.origin, "linux", patterned(500));
    const good = await relay.sign("linux");
    expect((await ask(good)).status).toBe(200);
    const start = good.indexOf("/i/") + 3;
    for (let at = start; at < good.length; at++) {
      const flipped = good[at] === "a" ? "b" : "a";
      const url = good.slice(0, at) + flipped + good.slice(at + 1);
      expect([url, (await ask(url)).status]).toEqual([url, expect.toSatisfy((status) => status >= 400)]);
    }
    expect((await ask(good)).status).toBe(200);
  });

  test("clocks may differ by 60 s; a URL that was good ends all the same", async () => {
    const relay = await startCache();
    addFile(relay.origin, "linux", patterned(500));
    const url = await relay.sign("linux", { expiresIn: 0 });
    expect((await ask(await relay.sign("linux", { expiresIn: -55 }))).status).toBe(200);
    expect((await ask(url)).status).toBe(200);
    relay.clockAheadMs = 58_000;
    expect((await ask(url)).status).toBe(200);
    relay.clockAheadMs = 62_000;
    expect((await ask(url)).status).toBe(404);
  });

  test("a download that began in time is not cut when its URL ends", async () => {
    const relay = await startCache();
    const bytes = addFile(relay.origin, "linux", patterned(3_000_000));
    relay.origin.rate = 3_000_000;
    const downloading = download(await relay.sign("linux", { expiresIn: -59 }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    relay.clockAheadMs = 3_600_000;
    expect((await downloading).body.equals(bytes)).toBe(true);
  });
});

describe("rotation", () => {
  test("a key that is not known is asked for, once for all who wait, and not again at each guess", async () => {
    const relay = await startCache();
    addFile(relay.origin, "linux", patterned(500));
    relay.onRefresh = () => (relay.state = { ...relay.state, imageKeys: [KEY_2, KEY_1] });
    const url = await relay.sign("linux", { key: KEY_2 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(url)));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(relay.refreshes).toBe(1);
    for (let i = 0; i < 5; i++) {
      const unknown = await relay.sign("linux", { key: { ...KEY_2, kid: `x${i}` } });
      expect((await ask(unknown)).status).toBe(404);
    }
    expect(relay.refreshes).toBe(1);
    expect((await ask(await relay.sign("linux"))).status).toBe(200);
  });

  test("a key that was taken out is good no more, also for URLs that were", async () => {
    const relay = await startCache();
    addFile(relay.origin, "linux", patterned(500));
    const url = await relay.sign("linux");
    expect((await ask(url)).status).toBe(200);
    relay.state = { ...relay.state, imageKeys: [KEY_2] };
    expect((await ask(url)).status).toBe(404);
  });
});

test("an image whose manifest cannot be had for now is 503, and asked for again", async () => {
  const origin = await startFakeOrigin();
  const relay = await startCache({ origin });
  await origin.close();
  const answer = await ask(await relay.sign("linux"));
  expect(answer.status).toBe(503);
  expect(answer.headers["retry-after"]).toBe("5");
});

import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { describe, expect, test } from "vitest";

import { readCredentials } from "../../../relay/control-plane/credentials.ts";
import { join } from "../../../relay/control-plane/join.ts";
import { makeFolder, startFakeControlPlane } from "./fixture.ts";

const ISSUED = { siteId: "s1", siteName: "berlin", relayId: "r1", credential: "pxr_secret" };

describe("joining", () => {
  test.each([200, 201])(
    "a token is traded for credentials that only the owner can read (%i)",
    async (status) => {
      const plane = await startFakeControlPlane(() => ({ status, body: ISSUED }));
      const stateDir = joinPath(await makeFolder(), "deep/state");
      const joined = await join({ url: plane.url, token: "pxj_once", stateDir });
      expect(joined).toEqual({ siteId: "s1", siteName: "berlin", relayId: "r1" });
      expect(plane.requests).toMatchObject([
        { method: "POST", url: "/api/v1/relays/join", body: '{"token":"pxj_once"}' },
      ]);
      expect(await readCredentials(stateDir)).toEqual({
        url: plane.url,
        siteId: "s1",
        relayId: "r1",
        credential: "pxr_secret",
      });
      const file = joinPath(stateDir, "credentials.json");
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await stat(stateDir)).mode & 0o777).toBe(0o700);
      expect(await readdir(stateDir)).toEqual(["credentials.json"]);
    },
  );

  test("joining the same site again replaces a revoked credential", async () => {
    let credential = "pxr_first";
    const plane = await startFakeControlPlane(() => ({ status: 201, body: { ...ISSUED, credential } }));
    const stateDir = await makeFolder();
    await join({ url: plane.url, token: "pxj_1", stateDir });
    credential = "pxr_second";
    await join({ url: plane.url, token: "pxj_2", stateDir });
    expect((await readCredentials(stateDir))?.credential).toBe("pxr_second");
  });

  test("another site's credentials are not overwritten", async () => {
    let siteId = "s1";
    const plane = await startFakeControlPlane(() => ({ status: 201, body: { ...ISSUED, siteId } }));
    const stateDir = await makeFolder();
    await join({ url: plane.url, token: "pxj_1", stateDir });
    const before = await readFile(joinPath(stateDir, "credentials.json"), "utf8");
    siteId = "s2";
    await expect(join({ url: plane.url, token: "pxj_2", stateDir })).rejects.toMatchObject({
      code: "credentials-of-another-site",
    });
    expect(await readFile(joinPath(stateDir, "credentials.json"), "utf8")).toBe(before);
  });

  test("another control plane's neither, and the token is not spent", async () => {
    const plane = await startFakeControlPlane(() => ({ status: 201, body: ISSUED }));
    const other = await startFakeControlPlane(() => ({ status: 201, body: ISSUED }));
    const stateDir = await makeFolder();
    await join({ url: plane.url, token: "pxj_1", stateDir });
    await expect(join({ url: other.url, token: "pxj_2", stateDir })).rejects.toMatchObject({
      code: "credentials-of-another-site",
    });
    expect(other.requests).toEqual([]);
  });

  test("a folder that cannot be written is told before the token is spent", async () => {
    const plane = await startFakeControlPlane(() => ({ status: 201, body: ISSUED }));
    const file = joinPath(await makeFolder(), "file");
    await writeFile(file, "");
    await expect(join({ url: plane.url, token: "pxj_1", stateDir: file })).rejects.toMatchObject({
      code: "state-dir-unusable",
      message: expect.stringContaining(file),
    });
    expect(plane.requests).toEqual([]);
  });

  test.each([
    [{ status: 401 }, "join-refused", /make a new one/],
    [{ status: 500 }, "join-failed", /check --url/],
    [{ status: 200, body: "<html>" }, "join-failed", /check --url/],
    [{ status: 200, body: { siteId: "s1" } }, "join-failed", /check --url/],
  ])("the answer %j is %s", async (answer, code, message) => {
    const plane = await startFakeControlPlane(() => answer);
    const stateDir = await makeFolder();
    await expect(join({ url: plane.url, token: "pxj_1", stateDir })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(await readCredentials(stateDir)).toBeUndefined();
  });

  test("a redirect is not followed with the token", async () => {
    const other = await startFakeControlPlane(() => ({ status: 201, body: ISSUED }));
    const plane = await startFakeControlPlane(() => ({ status: 307, headers: { location: other.url } }));
    await expect(
      join({ url: plane.url, token: "pxj_1", stateDir: await makeFolder() }),
    ).rejects.toMatchObject({ code: "join-failed" });
    expect(other.requests).toEqual([]);
  });

  test("nobody there is one sentence with the reason", async () => {
    const plane = await startFakeControlPlane(() => ({}));
    plane.stop();
    await expect(
      join({ url: plane.url, token: "pxj_1", stateDir: await makeFolder() }),
    ).rejects.toMatchObject({ code: "join-failed", message: expect.stringContaining("ECONNREFUSED") });
  });
});

describe("reading credentials", () => {
  test.each([["{"], ["{}"], ['{"url":"x","siteId":"","relayId":"r","credential":"c"}']])(
    "a broken file (%s) is told, not taken for none",
    async (text) => {
      const stateDir = await makeFolder();
      await writeFile(joinPath(stateDir, "credentials.json"), text);
      await expect(readCredentials(stateDir)).rejects.toMatchObject({ code: "credentials-unreadable" });
    },
  );

  test("a draft that a crash left, readable by all, does not make the file so", async () => {
    const plane = await startFakeControlPlane(() => ({ status: 201, body: ISSUED }));
    const stateDir = await makeFolder();
    await mkdir(stateDir, { recursive: true });
    const draft = joinPath(stateDir, "credentials.json.new");
    await writeFile(draft, "half");
    await chmod(draft, 0o644);
    await join({ url: plane.url, token: "pxj_1", stateDir });
    expect((await stat(joinPath(stateDir, "credentials.json"))).mode & 0o777).toBe(0o600);
  });
});

import { createHash } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";

import { signImagePath } from "../../core/sign/image-path.ts";
import type { BootEvent } from "../../core/relay-protocol/events.ts";
import { createClock, type Clock } from "../../relay/clock.ts";
import { startFakeControlPlane } from "./control-plane/fixture.ts";
import { SITE, state } from "./control-plane/site-state.ts";
import { WireClient } from "./dhcp/support/wire-client.ts";
import { ask } from "./http/fixture.ts";
import { configure, start, urlOf } from "./relay-fixture.ts";
import { eventually } from "../support/eventually.ts";

const HOUR_MS = 3_600_000;
const TEN_YEARS_MS = 10 * 365 * 24 * HOUR_MS;
/** What it is in truth. */
const TRUE = Date.parse("2026-11-21T12:00:00.000Z");

/** A host whose clock is off, and the time that passes there. */
function host(offMs: number) {
  const time = { offMs, passedMs: 0 };
  const clock = createClock({
    host: () => TRUE + time.passedMs + time.offMs,
    monotonic: () => 5000.25 + time.passedMs,
  });
  const dateHeader = (): string => new Date(TRUE + time.passedMs).toUTCString();
  return { time, clock, dateHeader };
}

describe("a relay's clock", () => {
  test.each([0, 200, -20_000])("is the host's where that is %i ms off", (offMs) => {
    const { clock, dateHeader } = host(offMs);
    clock.learn(dateHeader(), 100);
    expect(clock.now()).toBe(TRUE + offMs);
    expect(clock.errorMs).toBe(0);
  });

  test.each([HOUR_MS, -HOUR_MS, TEN_YEARS_MS, -TEN_YEARS_MS])(
    "is the control plane's where the host's is %i ms off",
    (offMs) => {
      const { clock, time, dateHeader } = host(offMs);
      expect(clock.now()).toBe(TRUE + offMs);
      clock.learn(dateHeader(), 100);
      time.passedMs = 60_000;
      expect(Math.abs(clock.now() - (TRUE + 60_000))).toBeLessThan(1000);
      expect(Math.abs(clock.errorMs - offMs)).toBeLessThan(1000);
    },
  );

  test("is the host's again as soon as that is set right", () => {
    const { clock, time, dateHeader } = host(HOUR_MS);
    clock.learn(dateHeader(), 100);
    time.offMs = 3;
    expect(clock.now()).toBe(TRUE + 3);
    expect(clock.errorMs).toBe(0);
  });

  test("steady goes on evenly whatever is set, in whole milliseconds", () => {
    const { clock, time, dateHeader } = host(-TEN_YEARS_MS);
    clock.learn(dateHeader(), 100);
    const before = clock.steady();
    expect(Math.abs(before - TRUE)).toBeLessThan(1000);
    expect(Number.isInteger(before)).toBe(true);
    time.offMs = TEN_YEARS_MS;
    time.passedMs = 1000;
    expect(clock.steady()).toBe(before + 1000);
  });

  test.each([
    ["", 100],
    ["yesterday", 100],
    [new Date(TRUE).toUTCString(), 60_000],
  ])("learns nothing from %j that took %i ms", (date, tookMs) => {
    const { clock } = host(HOUR_MS);
    clock.learn(date, tookMs);
    expect(clock.errorMs).toBe(0);
  });
});

const KEY = { kid: "k1", key: Buffer.alloc(32, 7).toString("base64url") };
const CONTENT = "a kernel";
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

/** A control plane that is in time, and has one image. */
function startPlane() {
  return startFakeControlPlane(({ url }) => {
    if (url.startsWith("/relay/v1/state")) return { body: state({ imageKeys: [KEY] }) };
    if (url === "/relay/v1/events") return { body: { accepted: 1, rejected: [] } };
    if (url.startsWith("/relay/v1/images/")) {
      const file = { sizeBytes: CONTENT.length, sha256: SHA256, chunks: [SHA256] };
      return { body: { files: { vmlinuz: file } } };
    }
    return { body: url.startsWith("/i/") ? CONTENT : "#!ipxe\n" };
  });
}

function imageUrl(expiresInMs: number): Promise<string> {
  return signImagePath({
    key: new Uint8Array(32).fill(7),
    kid: KEY.kid,
    siteId: SITE.id,
    path: "/i/debian/9f86d081884c7d659a2feaa0c55ad015/vmlinuz",
    expiresAt: Math.floor((Date.now() + expiresInMs) / 1000),
  });
}

describe.each([
  ["an hour ahead", HOUR_MS],
  ["an hour behind", -HOUR_MS],
  ["ten years behind", -TEN_YEARS_MS],
])("a relay whose host's clock is %s", (_, offMs) => {
  const wrongClock = (): { clock: Clock; set: (offMs: number) => void } => {
    let off = offMs;
    const clock = createClock({ host: () => Date.now() + off, monotonic: () => performance.now() });
    return { clock, set: (next) => void (off = next) };
  };

  test("checks image URLs, tells events and reports itself by the control plane's", async () => {
    const plane = await startPlane();
    const config = await configure(plane.url);
    const relay = await start(config, { clock: wrongClock().clock });
    const url = urlOf(relay);
    expect(await ask(url + (await imageUrl(600_000)))).toMatchObject({ status: 200, body: CONTENT });
    expect((await ask(url + (await imageUrl(-600_000)))).status).toBe(404);
    await eventually(() => {
      const posts = plane.requests.filter(({ url }) => url === "/relay/v1/events");
      const events = posts.flatMap(({ body }) => JSON.parse(body) as BootEvent[]);
      expect(events.length).toBeGreaterThan(0);
      for (const { at } of events) expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
    });
    expect(relay.status()).toMatchObject({
      healthy: false,
      problems: [expect.stringMatching(/^this host's clock is \d+ s (behind|ahead of) the control plane's/)],
    });
  });

  test("keeps leases when the clock is set right, and over a restart", async () => {
    const plane = await startPlane();
    const config = await configure(plane.url);
    const { clock, set } = wrongClock();
    const relay = await start(config, { clock });
    const { dhcp } = config.interfaces[0]!;
    if (dhcp.mode !== "server") throw new Error("not a server");
    const client = new WireClient({ server: dhcp.port, client: dhcp.clientPort });
    onTestFinished(() => client.close());
    const leased = (): number[] =>
      relay.status().interfaces.flatMap(({ pools }) => pools.map((pool) => pool.leased));
    await client.lease("02:00:00:00:00:01", "127.0.0.1");
    expect(leased()).toEqual([1]);
    set(0);
    expect(leased()).toEqual([1]);
    await relay.stop();
    const restarted = await start(config);
    expect(restarted.status()).toMatchObject({
      healthy: true,
      interfaces: [{ pools: [{ leased: 1 }] }],
    });
  });
});

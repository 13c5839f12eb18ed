import { reset } from "cloudflare:test";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { capabilityOf, createProfiles, createSite, done, type TestRelay } from "../control-plane.ts";

/** In the ordinary tests; MACS says how many at length, see vitest.config.mjs. */
const SLICE = 1_000;
const AT_ONCE = 50;
const ARMED = "52:54:00:00:00:01";

let relay: TestRelay;

beforeAll(async () => {
  relay = await createSite("lab");
  await createProfiles();
  await done("PUT", `/sites/lab/machines/${ARMED}`, {});
  await done("POST", `/sites/lab/machines/${ARMED}/arm`, { profile: "debian-12" });
});
afterAll(reset);

test("unknown machines get no byte of any answer, and all the same script", async () => {
  const count = inject("unknownMacs") ?? SLICE;
  const capability = capabilityOf(await relay.script(ARMED));
  const canary = "secret=canary-";
  const local = await relay.script("02:00:00:00:00:00");
  const seen = new Set<string>();
  let answerBytes = 0;
  for (let from = 0; from < count; from += AT_ONCE) {
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, count - from) }, async (_, i) => {
        const hex = (from + i + 1).toString(16).padStart(10, "0");
        const mac = `02${hex}`.match(/../g)!.join(":");
        seen.add(await relay.script(mac));
        const answer = await relay.ask(mac, "GET", `/a/${capability}/answer.sh`);
        if (answer.status === 200 || answer.text.includes(canary)) answerBytes += answer.text.length;
        const fixed = await relay.ask(mac, "GET", `/boot/${mac}/answer/answer.sh`);
        if (fixed.status === 200 || fixed.text.includes(canary)) answerBytes += fixed.text.length;
      }),
    );
  }
  expect(answerBytes).toBe(0);
  expect([...seen]).toEqual([local]);
  // And none of them has committed what the armed one may still install.
  expect((await relay.ask(ARMED, "GET", `/a/${capability}/answer.sh`)).text).toContain(canary);
}, 3_600_000);

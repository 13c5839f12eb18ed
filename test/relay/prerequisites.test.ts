import { expect, test } from "vitest";

import { fetchFirstState } from "../../relay/prerequisites.ts";
import { state } from "./control-plane/site-state.ts";

/** Longer than any test. */
const NEVER_MS = 1e9;
const silence = () => new Promise<never>(() => undefined);

test("a control plane that does not answer holds up a start shortly where the site is known", async () => {
  const plane = { current: () => state(), refresh: silence };
  await expect(fetchFirstState(plane, { known: 1, unknown: NEVER_MS })).resolves.toBeUndefined();
});

test("and longer where nothing is known of it", async () => {
  const plane = { current: () => undefined, refresh: silence };
  await expect(fetchFirstState(plane, { known: NEVER_MS, unknown: 1 })).resolves.toBeUndefined();
});

test("a relay whose credentials are refused is told so, whatever it knows", async () => {
  const refused = { current: () => state(), refresh: async () => "unauthorized" as const };
  await expect(fetchFirstState(refused, { known: NEVER_MS, unknown: NEVER_MS })).rejects.toMatchObject({
    code: "credentials-refused",
  });
});

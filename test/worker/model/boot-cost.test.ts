import { reset, runInDurableObject } from "cloudflare:test";
import { afterAll, expect, test } from "vitest";
import { siteObject } from "../../../worker/env.ts";
import { capabilityOf, createProfiles, createSite, done, env } from "../control-plane.ts";

const MAC = "52:54:00:00:00:01";

afterAll(reset);

/** What docs/scale.md reckons with: rows that one request reads and writes in its SiteObject. */
test("what a boot costs in rows stays what docs/scale.md says", async () => {
  const relay = await createSite("lab");
  await createProfiles();
  await done("PUT", `/sites/lab/machines/${MAC}`, {});
  const { id } = await done("GET", "/sites/lab");
  const rows = { read: 0, written: 0 };
  await runInDurableObject(siteObject(env, id), (_, state) => {
    const { sql } = state.storage;
    const exec = sql.exec.bind(sql);
    sql.exec = ((query: string, ...bindings: unknown[]) => {
      const cursor = exec(query, ...bindings);
      // Counted when read through, which every caller does at once.
      queueMicrotask(() => {
        rows.read += cursor.rowsRead;
        rows.written += cursor.rowsWritten;
      });
      return cursor;
    }) as SqlStorage["exec"];
  });
  const cost = async (run: () => Promise<unknown>) => {
    Object.assign(rows, { read: 0, written: 0 });
    await run();
    return { ...rows };
  };
  const costs = new Map<string, { read: number; written: number }>();
  costs.set("unarmed script", await cost(() => relay.script(MAC)));
  costs.set(
    "arm",
    await cost(() => done("POST", `/sites/lab/machines/${MAC}/arm`, { profile: "debian-12" })),
  );
  let script = "";
  costs.set(
    "install script",
    await cost(async () => {
      script = await relay.script(MAC);
    }),
  );
  const capability = capabilityOf(script);
  costs.set("answer", await cost(() => relay.ask(MAC, "GET", `/a/${capability}/answer.sh`)));
  costs.set("callback", await cost(() => relay.ask(MAC, "POST", `/e/${capability}/installed`)));
  // Indexes count: an event of our own is two rows. A change here is a change of the price there.
  const most = { "unarmed script": 3, arm: 11, "install script": 8, answer: 9, callback: 3 };
  for (const [name, limit] of Object.entries(most)) {
    const { written } = costs.get(name)!;
    expect(written, name).toBeGreaterThan(0);
    expect(written, name).toBeLessThanOrEqual(limit);
  }
});

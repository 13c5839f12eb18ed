import { reset, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test } from "vitest";
import { siteObject } from "../../worker/env.ts";
import { migrate } from "../../worker/migrate.ts";
import { findActiveAttempt } from "../../worker/site-object/attempts.ts";
import { listEvents, pruneEvents, recordEvent } from "../../worker/site-object/events.ts";
import { activePins } from "../../worker/site-object/pins.ts";
import { SITE_MIGRATIONS } from "../../worker/site-object/schema.ts";
import { env } from "./control-plane.ts";

afterEach(reset);

/** A schema as it was once, with what it may have held, brought to the newest. */
async function migrated(from: number, fill: (sql: SqlStorage) => void, check: (sql: SqlStorage) => void) {
  await runInDurableObject(siteObject(env, "0123456789abcdef"), (_, { storage }) => {
    const { sql } = storage;
    const tables = sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
      )
      .toArray();
    for (const { name } of tables) if (!name.startsWith("sqlite_")) sql.exec(`DROP TABLE ${name}`);
    migrate(storage, SITE_MIGRATIONS.slice(0, from));
    fill(sql);
    migrate(storage, SITE_MIGRATIONS);
    check(sql);
  });
}

test("attempts keep what they pinned, and events their positions", async () => {
  const attempt = { id: "a1", machineId: "m1", state: "booting" };
  const pinned = { profile: { name: "p", revision: "r", document: { mode: "install" } }, image: null };
  const event = (id: string) => ({ id, at: "2026-11-21T07:00:00.000Z", mac: null, detail: {} });
  await migrated(
    3,
    (sql) => {
      for (const [id, active] of [
        ["a1", 1],
        ["a0", 0],
      ] as const) {
        sql.exec(
          "INSERT INTO attempts (id, machine_id, armed_at, active, deadline, document, pinned) VALUES (?, 'm1', 1, ?, 9, ?, ?)",
          id,
          active,
          JSON.stringify({ ...attempt, id }),
          JSON.stringify(pinned),
        );
      }
      for (const [seq, id, relay] of [
        [7, "e7", "relay"],
        [9, "e9", null],
      ] as const) {
        sql.exec(
          "INSERT INTO events (seq, id, at, received_at, relay, stage, name, detail) VALUES (?, ?, '', 5, ?, 'tftp', 'sent', '{}')",
          seq,
          id,
          relay,
        );
      }
      sql.exec("INSERT INTO capabilities (secret_hash, attempt_id) VALUES ('h', 'a1')");
      sql.exec("INSERT INTO idempotency (key, attempt_id, at) VALUES ('k', 'a1', 1)");
    },
    (sql) => {
      expect(findActiveAttempt(sql, "m1")).toEqual({ attempt, pinned });
      expect(activePins(sql)).toEqual([pinned]);
      const sent = { stage: "tftp", name: "sent" } as const;
      recordEvent(sql, { ...event("e7"), ...sent }, "relay", 6);
      recordEvent(sql, { ...event("e10"), ...sent }, "relay", 6);
      const positions = () => listEvents(sql, { after: 0, limit: 10 }).map(({ seq, id }) => `${seq} ${id}`);
      expect(positions()).toEqual(["7 e7", "9 e9", "10 e10"]);
      pruneEvents(sql, 6 + 31 * 86_400_000);
      expect(positions()).toEqual(["10 e10"]);
    },
  );
});

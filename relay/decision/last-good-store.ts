import type { DatabaseSync, StatementSync } from "node:sqlite";

import type { Repeatable } from "../../core/relay-protocol/headers.ts";
import { openDatabase } from "../database.ts";

/** A script that may be given to the same machine again. */
export type LastGood = { readonly repeatable: Repeatable; readonly text: string };

export type LastGoodStoreOptions = {
  readonly file: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onDamaged: (aside: string) => void;
  /** Beyond so many, what was used least recently goes. */
  readonly maxScripts?: number;
};

const SCHEMA = `
  CREATE TABLE script (key TEXT PRIMARY KEY, repeatable TEXT NOT NULL, text TEXT NOT NULL, used_at INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
  CREATE INDEX script_by_use ON script (used_at)`;

/** A script that is the same again is not written again for so long. */
const USE_RESOLUTION_MS = 86_400_000;

const MAX_SCRIPTS = 20_000;

/** What an answer must never hold to be kept, whatever it is marked as: a capability. */
const CAPABILITY = /\/[ae]\/[0-9a-f]{32}/;

/** The last script of each machine that may be given again, on disk. */
export class LastGoodStore {
  readonly #options: LastGoodStoreOptions;
  readonly #database: DatabaseSync;
  readonly #find: StatementSync;
  readonly #put: StatementSync;
  readonly #forget: StatementSync;
  readonly #forgetOldest: StatementSync;
  #count: number;

  /** @throws what node:sqlite throws when the file cannot be opened or written */
  constructor(options: LastGoodStoreOptions) {
    this.#options = options;
    this.#database = openDatabase({ ...options, version: 1, schema: SCHEMA });
    this.#find = this.#database.prepare("SELECT repeatable, text, used_at FROM script WHERE key = ?");
    this.#put = this.#database.prepare(
      "INSERT OR REPLACE INTO script (key, repeatable, text, used_at) VALUES (?, ?, ?, ?)",
    );
    this.#forget = this.#database.prepare("DELETE FROM script WHERE key = ?");
    this.#forgetOldest = this.#database.prepare(
      "DELETE FROM script WHERE key IN (SELECT key FROM script ORDER BY used_at LIMIT ?)",
    );
    const counted = this.#database.prepare("SELECT count(*) AS count FROM script").get();
    this.#count = (counted as { count: number }).count;
  }

  find(key: string): LastGood | undefined {
    const row = this.#find.get(key) as LastGood | undefined;
    return row && { repeatable: row.repeatable, text: row.text };
  }

  /** Replaces what is known; a script that holds a capability is refused, as if there were none. */
  remember(key: string, script: LastGood): void {
    if (CAPABILITY.test(script.text)) {
      this.forget(key);
      return;
    }
    const now = this.#options.now();
    const known = this.#find.get(key) as (LastGood & { used_at: number }) | undefined;
    const isKnown = known?.text === script.text && known.repeatable === script.repeatable;
    if (isKnown && now - known.used_at < USE_RESOLUTION_MS) return;
    this.#put.run(key, script.repeatable, script.text, now);
    if (known !== undefined) return;
    this.#count++;
    const surplus = this.#count - (this.#options.maxScripts ?? MAX_SCRIPTS);
    if (surplus > 0) this.#count -= Number(this.#forgetOldest.run(surplus).changes);
  }

  forget(key: string): void {
    this.#count -= Number(this.#forget.run(key).changes);
  }

  close(): void {
    this.#database.close();
  }
}

import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { openDatabase } from "../database.ts";
import type { KeptHead } from "./answer-head.ts";
import { isSelectedBy, type Selection } from "./vary.ts";

/** An answer that is kept, without its body. */
export type Entry = {
  readonly id: string;
  readonly head: KeptHead;
  /** The request headers that selected it. */
  readonly selection: Selection;
  readonly sizeBytes: number;
};

export type EntryStoreOptions = {
  readonly folder: string;
  readonly maxBytes: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onDamaged: (aside: string) => void;
};

const SCHEMA = `
  CREATE TABLE entry (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    selection TEXT NOT NULL,
    head TEXT NOT NULL,
    size INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    UNIQUE (key, selection)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX entry_by_use ON entry (used_at)`;

/** The first format kept heads of another form: all is fetched again. */
const MIGRATIONS = { 1: `DROP TABLE entry; ${SCHEMA}` };

type Row = { id: string; head: string; selection: string; size: number; used_at: number };

/** Of one address: negotiated by content coding, say. */
const MAX_VARIANTS = 8;
/** When an entry was used is written so often at most. */
const USE_RESOLUTION_MS = 60_000;
/** Left to others on a disk that is nearly full. */
const SPARE_BYTES = 1024 * 1024;
/** Beside its body, for its headers and its place in the index. */
const OVERHEAD_BYTES = 4096;

/**
 * What mirrors keep: bodies in files, all else in SQLite. A file without its
 * row, or a row without its file, is what a crash leaves; both go at the start.
 */
export class EntryStore {
  readonly #options: EntryStoreOptions;
  readonly #database: DatabaseSync;
  readonly #find: StatementSync;
  readonly #put: StatementSync;
  readonly #setHead: StatementSync;
  readonly #use: StatementSync;
  readonly #delete: StatementSync;
  readonly #oldest: StatementSync;
  #files = 0;
  #bytes = 0;
  #evictions = 0;
  #maxBytes: number;

  /** @throws what the file system or node:sqlite throws when the folder cannot be used */
  constructor(options: EntryStoreOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes;
    mkdirSync(join(options.folder, "bodies"), { recursive: true });
    this.#database = openDatabase({
      file: join(options.folder, "index.db"),
      version: 2,
      schema: SCHEMA,
      migrations: MIGRATIONS,
      onDamaged: options.onDamaged,
    });
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#find = prepare("SELECT * FROM entry WHERE key = ? ORDER BY used_at DESC");
    this.#put = prepare(
      "INSERT INTO entry (id, key, selection, head, size, used_at) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#setHead = prepare("UPDATE entry SET head = ?, used_at = ? WHERE id = ?");
    this.#use = prepare("UPDATE entry SET used_at = ? WHERE id = ?");
    this.#delete = prepare("DELETE FROM entry WHERE id = ? RETURNING size");
    this.#oldest = prepare("SELECT id FROM entry ORDER BY used_at LIMIT 16");
    this.#reconcile();
    this.#shrink();
  }

  get usage(): { readonly files: number; readonly bytes: number; readonly evictions: number } {
    return { files: this.#files, bytes: this.#bytes, evictions: this.#evictions };
  }

  /** Keeps within another limit from now on. */
  setMaxBytes(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#shrink();
  }

  /**
   * Whether the disk itself has room for so many bytes, after those used least
   * recently have given way.
   *
   * @throws what keeps the folder from being looked at
   */
  async hasRoom(bytes: number): Promise<boolean> {
    for (;;) {
      const { bavail, bsize } = await statfs(this.#options.folder);
      if (bavail * bsize >= bytes + SPARE_BYTES) return true;
      const [oldest] = this.#oldest.all() as { id: string }[];
      if (oldest === undefined) return false;
      this.#evictions += 1;
      this.remove(oldest.id);
    }
  }

  /** Where the body of an entry is. */
  bodyPath(id: string): string {
    return join(this.#options.folder, "bodies", id);
  }

  /** Where a body that is still coming is put. */
  draftPath(): { id: string; path: string } {
    const id = randomUUID();
    return { id, path: `${this.bodyPath(id)}.new` };
  }

  /** The newest entry that these request headers select (RFC 9111 section 4.1), marked as used. */
  find(key: string, headers: IncomingHttpHeaders): Entry | undefined {
    let newest: (Entry & { readonly usedAt: number }) | undefined;
    for (const row of this.#find.all(key) as Row[]) {
      const selection = JSON.parse(row.selection) as Selection;
      if (!isSelectedBy(selection, headers)) continue;
      const head = JSON.parse(row.head) as KeptHead;
      if (newest !== undefined && newest.head.receivedAt >= head.receivedAt) continue;
      newest = { id: row.id, head, selection, sizeBytes: row.size, usedAt: row.used_at };
    }
    if (newest === undefined) return undefined;
    const now = this.#options.now();
    if (now - newest.usedAt > USE_RESOLUTION_MS) this.#use.run(now, newest.id);
    return newest;
  }

  /** Adds an entry whose body is in its place; it replaces what the same request headers selected. */
  add(key: string, { id, head, selection, sizeBytes }: Entry): void {
    const text = JSON.stringify(selection);
    const variants = this.#find.all(key) as Row[];
    for (const [index, { id: old, selection: other }] of variants.entries()) {
      if (other === text || index >= MAX_VARIANTS - 1) this.remove(old);
    }
    this.#put.run(id, key, text, JSON.stringify(head), sizeBytes, this.#options.now());
    this.#files += 1;
    this.#bytes += sizeBytes + OVERHEAD_BYTES;
    this.#shrink();
  }

  /** Takes over what the origin said when it was asked whether the entry still holds. */
  refresh(id: string, head: KeptHead): void {
    this.#setHead.run(JSON.stringify(head), this.#options.now(), id);
  }

  /** Removes all that an address has. */
  removeAll(key: string): void {
    for (const { id } of this.#find.all(key) as Row[]) this.remove(id);
  }

  /** Whoever reads its body goes on. */
  remove(id: string): void {
    const row = this.#delete.get(id) as { size: number } | undefined;
    if (row === undefined) return;
    this.#files -= 1;
    this.#bytes -= row.size + OVERHEAD_BYTES;
    rmSync(this.bodyPath(id), { force: true });
  }

  close(): void {
    this.#database.close();
  }

  #shrink(): void {
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#oldest.all() as { id: string }[];
      if (oldest.length === 0) return;
      for (const { id } of oldest) {
        if (this.#bytes <= this.#maxBytes) return;
        this.#evictions += 1;
        this.remove(id);
      }
    }
  }

  #reconcile(): void {
    const rows = this.#database.prepare("SELECT id, size FROM entry").all() as { id: string; size: number }[];
    const known = new Set<string>();
    for (const { id, size } of rows) {
      this.#files += 1;
      this.#bytes += size + OVERHEAD_BYTES;
      if (statSync(this.bodyPath(id), { throwIfNoEntry: false })?.size === size) known.add(id);
      else this.remove(id);
    }
    for (const name of readdirSync(join(this.#options.folder, "bodies"))) {
      if (!known.has(name)) rmSync(this.bodyPath(name), { force: true });
    }
  }
}

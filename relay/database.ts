import { renameSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

export type DatabaseOptions = {
  readonly file: string;
  /** Format of what is in it: a number that grows. */
  readonly version: number;
  /** Creates format `version` in an empty file. */
  readonly schema: string;
  /** From each older format to the next, by the older one's number. */
  readonly migrations?: Readonly<Record<number, string>>;
  /** Further settings, after those of the log and of `synchronous`. */
  readonly pragmas?: string;
  /** Told where a damaged file was set aside; without it none is. */
  readonly onDamaged?: (aside: string) => void;
};

/** SQLITE_CORRUPT and SQLITE_NOTADB: the file is no database (any more). */
const DAMAGED = new Set([11, 26]);

/**
 * Opens a database with a write-ahead log and `synchronous=NORMAL`: a crash of
 * the process loses nothing, a power cut may lose the last transactions. With
 * `onDamaged` a damaged file is set aside as `FILE.damaged` and a new one begun,
 * for what is not worth a site that does not boot.
 *
 * @throws what node:sqlite throws when the file cannot be opened or written, and
 *   an Error for a file of a newer release
 */
export function openDatabase(options: DatabaseOptions): DatabaseSync {
  try {
    return openAsItIs(options);
  } catch (error) {
    const { onDamaged } = options;
    if (onDamaged === undefined || !DAMAGED.has((error as { errcode?: number }).errcode ?? 0)) throw error;
    const aside = `${options.file}.damaged`;
    renameSync(options.file, aside);
    onDamaged(aside);
    return openAsItIs(options);
  }
}

function openAsItIs({ file, version, schema, migrations = {}, pragmas = "" }: DatabaseOptions): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 5000 });
  try {
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ${pragmas}`);
    const row = database.prepare("PRAGMA user_version").get() as { user_version: number };
    let found = row.user_version;
    if (found > version) {
      throw new Error(
        `a newer release wrote it, in format ${found}, and this one knows ${version}: run that release again`,
      );
    }
    if (found === 0) {
      database.exec(`BEGIN; ${schema}; PRAGMA user_version = ${version}; COMMIT`);
      found = version;
    }
    for (; found < version; found++) {
      database.exec(`BEGIN; ${migrations[found] ?? ""}; PRAGMA user_version = ${found + 1}; COMMIT`);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

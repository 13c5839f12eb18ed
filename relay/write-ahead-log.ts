import { once } from "node:events";
import { closeSync, fdatasync, fstatSync, openSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

/** For `openDatabase`: SQLite never moves the log by itself, in the middle of a commit. */
export const LOG_IS_OURS = "PRAGMA wal_autocheckpoint = 0";

const STEP_BYTES = 1024 * 1024;
/** A page of SQLite's and its header. */
const FRAME_BYTES = 4096 + 24;
const ZEROS = Buffer.alloc(64 * 1024);

const syncData = promisify(fdatasync);

/**
 * The write-ahead log of an open database with `LOG_IS_OURS`, which is one file
 * as long as that is open.
 *
 * With `synchronous=NORMAL`, `FULL` without the wait for the disk at a
 * transaction's end, a transaction is durable only once a `sync` that began
 * after it resolved. Neither that nor moving the log stops anything else that
 * the process does.
 */
export class WriteAheadLog {
  /** About how many pages it held when it was opened: what a crash left is still to be moved. */
  readonly pagesFound: number;
  readonly #databasePath: string;
  readonly #fd: number;
  /** Of the file; SQLite takes the log to end where it is zeros. */
  #sizeBytes: number;
  /** About what of it is used. */
  #usedBytes = 0;

  /** @throws what node:fs throws */
  constructor(databasePath: string) {
    this.#databasePath = databasePath;
    this.#fd = openSync(`${databasePath}-wal`, "r+");
    this.#sizeBytes = fstatSync(this.#fd).size;
    this.pagesFound = Math.floor(this.#sizeBytes / FRAME_BYTES);
    this.#usedBytes = this.#sizeBytes;
  }

  /**
   * Makes the file grow in steps ahead of use. A `sync` after which it is longer
   * waits until the file system's journal has what all others wrote, too: tens
   * of times as long while there is much.
   *
   * @param pages about how many a commit wrote
   */
  makeRoom(pages: number): void {
    this.#usedBytes += pages * FRAME_BYTES;
    if (this.#usedBytes + STEP_BYTES / 2 < this.#sizeBytes) return;
    try {
      let end = fstatSync(this.#fd).size;
      const enough = end + STEP_BYTES;
      while (end < enough) end += writeSync(this.#fd, ZEROS, 0, ZEROS.length, end);
      this.#sizeBytes = end;
    } catch {
      // It was for speed only; of a disk that is full or broken SQLite itself will tell.
      this.#sizeBytes = Infinity;
    }
  }

  /**
   * Waits until the disk has what was written so far.
   *
   * @throws what node:fs throws
   */
  async sync(): Promise<void> {
    await syncData(this.#fd);
  }

  /**
   * Moves what the log holds into the database, in a thread that lives as long
   * as that takes: pages here and there in a file, and an fsync. The log begins
   * anew if nothing was written meanwhile; what was stays in it.
   *
   * @throws what node:sqlite throws
   */
  async checkpoint(): Promise<void> {
    const worker = new Worker(`(${checkpoint.toString()})()`, { eval: true, workerData: this.#databasePath });
    await once(worker, "exit");
    this.#usedBytes = 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/**
 * The thread of `WriteAheadLog.checkpoint`, which runs its text: a relay may be
 * one file, with no other beside it to start. Nothing of this module is there.
 */
function checkpoint(): void {
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const { workerData } = process.getBuiltinModule("node:worker_threads");
  const database = new DatabaseSync(workerData as string);
  database.exec("PRAGMA wal_checkpoint(PASSIVE)");
  database.close();
}

import { DatabaseSync } from "node:sqlite";
import { workerData } from "node:worker_threads";

/** The thread of `checkpoint`: moves a log into the database at the path that it is given, and ends. */
const database = new DatabaseSync(workerData as string);
database.exec("PRAGMA wal_checkpoint(PASSIVE)");
database.close();

import type { Result } from "../problem.ts";
import { wholly } from "../wholly.ts";
import { earliestDeadline } from "./attempts.ts";
import { profileSyncDueAt } from "./profile-sync.ts";

const HOUSEKEEPING_MS = 6 * 3_600_000;

/**
 * The site's transactions. Each runs without an await, which makes it the
 * compare-and-set that an install needs, and each sets the alarm for the next
 * instant at which time alone changes something.
 */
export class SiteTransactions {
  readonly sql: SqlStorage;
  private readonly storage: DurableObjectStorage;
  /** When the next alarm rings; `null`: not known since the object started. */
  private alarmAt: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.storage = storage;
    this.sql = storage.sql;
  }

  run<T>(body: () => T): T {
    const result = this.storage.transactionSync(body);
    this.scheduleAlarm(Date.now());
    return result;
  }

  /** A transaction that is undone where its outcome is a failure, or where it is only tried. */
  wholly<T>(body: () => Result<T>, options?: { readonly dryRun?: boolean }): Result<T> {
    return wholly((run) => this.run(run), body, options);
  }

  /** What the alarm does; it is set anew whatever happens then. */
  onAlarm<T>(body: () => T): T {
    this.alarmAt = null;
    return this.run(body);
  }

  private scheduleAlarm(now: number): void {
    const due = [earliestDeadline(this.sql), profileSyncDueAt(this.sql)].map((at) => at ?? Infinity);
    // An alarm of the past rings at once, one of the epoch is refused.
    const at = Math.max(1, Math.min(...due, now + HOUSEKEEPING_MS));
    if (this.alarmAt !== null && this.alarmAt <= at) return;
    this.alarmAt = at;
    // Durable with this transaction's writes; a failure resets the object.
    void this.storage.setAlarm(at);
  }
}

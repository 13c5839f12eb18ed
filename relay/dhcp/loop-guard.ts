import type { Mac } from "../../core/addresses.ts";

/** So many binaries in a row, none of which turned out to be iPXE, are a loop. */
const MAX_IN_A_ROW = 10;
const WINDOW_MS = 5 * 60_000;
/** Machines remembered; the one seen first is forgotten first. */
const MAX_MACHINES = 4096;

/**
 * Ends the loop of a boot file that asks for a boot file again: an iPXE that
 * does not say that it is one, chained from itself. Beyond the limit the
 * machine gets an address and nothing to boot, and goes on to its next device.
 */
export class LoopGuard {
  readonly #runs = new Map<Mac, { readonly since: number; readonly count: number }>();

  isLooping(mac: Mac, now: number): boolean {
    const run = this.#runs.get(mac);
    return run !== undefined && run.since + WINDOW_MS > now && run.count >= MAX_IN_A_ROW;
  }

  /** The machine was told to load a binary. */
  loaded(mac: Mac, now: number): void {
    const run = this.#runs.get(mac);
    if (run !== undefined && run.since + WINDOW_MS > now) {
      this.#runs.set(mac, { since: run.since, count: run.count + 1 });
      return;
    }
    this.#runs.delete(mac);
    this.#runs.set(mac, { since: now, count: 1 });
    if (this.#runs.size > MAX_MACHINES) this.#runs.delete(this.#runs.keys().next().value!);
  }

  /** The machine came to something that boots: iPXE, or a system. */
  arrived(mac: Mac): void {
    this.#runs.delete(mac);
  }
}

import { join } from "node:path";
import { createLab } from "../../test/support/lab/network.ts";
import { startMachine, type Machine, type MachineFirmware } from "../../test/support/lab/machine.ts";
import type { BootServer } from "./boot-server.ts";

export type BootMeasurement = {
  readonly server: string;
  /** From power-on to its script executed. */
  readonly elapsedMs: number;
};

export type MeasureOptions = {
  readonly servers: readonly BootServer[];
  readonly firmware: MachineFirmware;
  /** Boots measured a server. */
  readonly runs: number;
  readonly directory: string;
  readonly onMeasured?: (measurement: BootMeasurement) => void;
};

const MAC = "52:54:00:be:9c:01";
const BOOT_TIMEOUT_MS = 180_000;

/**
 * Boots one machine again and again, from each server in turn, so that a busy
 * moment of this computer falls on all of them. A boot before the first one is
 * not measured: UEFI writes its variables then.
 *
 * @throws with the machine's console when a boot does not get to the script.
 */
export async function measureBoots(options: MeasureOptions): Promise<readonly BootMeasurement[]> {
  const lab = await createLab();
  try {
    const measurements: BootMeasurement[] = [];
    let machine: Machine | undefined;
    for (let run = 0; run < options.runs; run++) {
      for (const [index, server] of options.servers.entries()) {
        const running = await server.start(lab, join(options.directory, `server-${index}`));
        try {
          if (machine === undefined) {
            machine = await startMachine(lab, {
              firmware: options.firmware,
              mac: MAC,
              directory: join(options.directory, "machine"),
            });
            await machine.waitForConsole(server.executed, BOOT_TIMEOUT_MS);
            await machine.powerOff();
          }
          const begin = performance.now();
          await machine.powerOn();
          await machine.waitForConsole(server.executed, BOOT_TIMEOUT_MS);
          const measurement = { server: server.name, elapsedMs: performance.now() - begin };
          await machine.powerOff();
          measurements.push(measurement);
          options.onMeasured?.(measurement);
        } finally {
          await running.stop();
        }
      }
    }
    return measurements;
  } finally {
    await lab.close();
  }
}

/** @throws RangeError for no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new RangeError("median of nothing");
  return (lower + upper) / 2;
}

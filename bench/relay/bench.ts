import { randomBytes } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import type { Host } from "../../test/e2e/dhcp-lan.ts";
import type { Lab } from "../../test/support/lab/network.ts";
import type { MeasuredSite } from "./site.ts";

/** What every measurement needs. */
export type Bench = {
  readonly lab: Lab;
  readonly site: MeasuredSite;
  /** Where clients run, on the relay's LAN. */
  readonly host: Host;
  /** The host's, one a few clients. */
  readonly addresses: readonly string[];
  readonly directory: string;
  readonly say: (line: string) => void;
};

/** A file that no file system can squeeze. */
export function makeRandomFile(path: string, sizeBytes: number): void {
  const block = randomBytes(Math.min(sizeBytes, 16 << 20));
  const file = openSync(path, "w");
  try {
    for (let at = 0; at < sizeBytes; at += block.length) {
      // Each block is another one.
      block.writeUInt32LE(at >>> 12, 0);
      writeSync(file, block, 0, Math.min(block.length, sizeBytes - at));
    }
  } finally {
    closeSync(file);
  }
}

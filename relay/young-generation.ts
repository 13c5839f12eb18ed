import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8's young generation as large as it is now. V8 would let it grow to
 * 128 MiB while there is steadily much to do, as with hundreds of clients that
 * stream: as much memory again as all the rest of a relay takes, to collect
 * garbage a little less often.
 */
export function freezeYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

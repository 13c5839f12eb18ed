import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../../test/e2e/dhcp-lan.ts";

/** One curl with many transfers at a time, all begun at once. */
export type Transfers = {
  /** From the first byte asked for to the last one of the last transfer. */
  readonly seconds: number;
  readonly bytes: number;
  /** Transfers that were not 200, or not of the right length. */
  readonly failed: number;
  /** Status, bytes, seconds and curl's exit code of the first that failed. */
  readonly failure: string | undefined;
};

/**
 * Downloads one URL many times at once and throws the bytes away.
 *
 * @param maxSeconds ends what is still under way then, without counting it as failed
 */
export async function downloadManyTimes(
  place: Pick<Host, "spawn">,
  directory: string,
  options: {
    readonly url: string;
    readonly count: number;
    readonly sizeBytes: number;
    readonly headers?: readonly string[];
    readonly maxSeconds?: number;
    /** Addresses that the transfers come from, in turn: a relay bounds what one client does at a time. */
    readonly from?: readonly string[];
  },
): Promise<Transfers> {
  const { url, count, sizeBytes, headers = [], maxSeconds, from = [] } = options;
  const config = join(directory, "curl.conf");
  const transfer = (index: number): string =>
    [
      // Of this transfer alone: its progress would get among the lines.
      "silent",
      ...(from.length === 0 ? [] : [`interface = "${from[index % from.length]}"`]),
      `url = "${url}"`,
      `output = "/dev/null"`,
      ...headers.map((header) => `header = "${header}"`),
      ...(maxSeconds === undefined ? [] : [`max-time = ${maxSeconds}`]),
      `write-out = "<%{http_code} %{size_download} %{time_total} %{exitcode}>\\n"`,
    ].join("\n");
  writeFileSync(config, Array.from({ length: count }, (_, index) => transfer(index)).join("\nnext\n"));
  // Clients are other machines: what they take of this one's processors is not to be the relay's.
  const child = await place.spawn("nice", [
    ...["-n", "10", "curl", "--parallel", "--parallel-immediate", "--parallel-max", "300"],
    ...["--config", config],
  ]);
  // Its last lines may come after its exit, which is with an error where a transfer was ended by its time.
  await once(child.process, "close");
  const lines = [...child.output().matchAll(/<(\d{3}) (\d+) ([\d.]+) (\d+)>/g)];
  // Of a transfer of which nothing is known nothing can be said.
  if (lines.length !== count) throw new Error(`curl told of ${lines.length} of ${count}:\n${child.output()}`);
  const results = lines.map(([line, code, size, seconds]) => ({
    line,
    isGood: code === "200" && (maxSeconds !== undefined || Number(size) === sizeBytes),
    bytes: Number(size),
    seconds: Number(seconds),
  }));
  return {
    seconds: Math.max(...results.map(({ seconds }) => seconds)),
    bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
    failed: count - results.filter(({ isGood }) => isGood).length,
    failure: results.find(({ isGood }) => !isGood)?.line,
  };
}

import type { Host } from "../../test/e2e/dhcp-lan.ts";

const CONNECTIONS = 32;
const SECONDS = 5;

/** Requests a second of one URL over kept connections, by wrk. @throws where answers were not good */
export async function measureRate(host: Host, url: string): Promise<number> {
  const output = await host.exec("wrk", ["-t", "1", "-c", String(CONNECTIONS), "-d", `${SECONDS}s`, url]);
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(output)?.[1];
  if (rate === undefined || output.includes("Non-2xx")) throw new Error(output);
  return Number(rate);
}

import { createSocket } from "node:dgram";
import pino from "pino";
import { describe, expect, onTestFinished, test } from "vitest";

import { encode } from "../../core/dhcp-packet/index.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import { KnownAttempts } from "../../relay/known-attempts.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/lab/free-port.ts";
import { startFakeControlPlane } from "./control-plane/fixture.ts";
import { state } from "./control-plane/site-state.ts";
import { renew } from "./dhcp/support/client-packets.ts";
import { ask } from "./http/fixture.ts";
import { configure, start, urlOf } from "./relay-fixture.ts";
import { openClient } from "./tftp/client.ts";

/** As `renew` says. */
const MAC = "52:54:00:00:00:01";
const SCRIPT = "/boot/52-54-00-00-00-01/script.ipxe";

describe("which attempt a MAC boots under", () => {
  test("is what was said last, for a day", () => {
    let now = 0;
    const attempts = new KnownAttempts(() => now);
    attempts.learn(MAC, "a1");
    attempts.learn(MAC, "a2");
    expect(attempts.of(MAC)).toBe("a2");
    now += 24 * 3_600_000;
    expect(attempts.of(MAC)).toBe("a2");
    now += 1;
    expect(attempts.of(MAC)).toBeUndefined();
    attempts.learn(MAC, "a3");
    attempts.learn(MAC, undefined);
    expect(attempts.of(MAC)).toBeUndefined();
  });

  test("is kept of 10,000 MACs, and forgotten of those that were not heard of for longest", () => {
    const attempts = new KnownAttempts(() => 0);
    const mac = (number: number) => `02:00:00:00:${hex(number >> 8)}:${hex(number & 0xff)}`;
    for (let number = 0; number < 10_000; number++) attempts.learn(mac(number), "a1");
    attempts.learn(mac(0), "a2");
    attempts.learn(mac(10_000), "a1");
    expect([mac(0), mac(1), mac(2)].map((each) => attempts.of(each))).toEqual(["a2", undefined, "a1"]);
  });
});

test("the log has it on all lines of that MAC, and the machine does not get to see it", async () => {
  let headers: Record<string, string> = { [RELAY_HEADER.ATTEMPT]: "a1" };
  const plane = await startFakeControlPlane(({ url }) => {
    if (url.startsWith("/relay/v1/state")) return { body: state() };
    if (url === "/relay/v1/events") return { body: { accepted: 1, rejected: [] } };
    if (url.startsWith("/a/")) return { status: 404 };
    return { headers, body: "#!ipxe\n" };
  });
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "info" }, { write: (line) => void lines.push(JSON.parse(line)) });
  const config = await configure(plane.url);
  const ports = { port: await freePort(), bootPort: await freePort(), clientPort: await freePort() };
  const dhcp = { mode: "proxy", answer: "any", vendorClasses: [], ...ports } as const;
  const proxied = { ...config, interfaces: [{ name: "lo", dhcp }] };
  const relay = await start(proxied, { log });
  const client = createSocket("udp4");
  onTestFinished(() => void client.close());
  client.send(encode(renew("127.0.0.1")), ports.port, "127.0.0.1");

  const askFor = async (path: string) => await ask(urlOf(relay) + path);
  await eventually(async () => {
    expect((await askFor(SCRIPT)).headers).not.toHaveProperty(RELAY_HEADER.ATTEMPT);
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: "http", level: 30, path: SCRIPT, mac: MAC, attempt: "a1" }),
    );
  });

  // What is refused says nothing of the machine.
  expect((await askFor("/a/unknown/preseed.cfg")).status).toBe(404);
  const tftp = await openClient();
  onTestFinished(() => tftp.close());
  tftp.send({ kind: "rrq", filename: "snponly.efi", mode: "octet", options: [] }, config.tftp.port);
  const { packet, from } = await tftp.expect("data");
  tftp.send({ kind: "ack", block: packet.block }, from.port);
  await eventually(() =>
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: "tftp: sent", file: "snponly.efi", mac: MAC, attempt: "a1" }),
    ),
  );

  // The next boot is of no attempt, and the level that is configured by then holds.
  headers = {};
  await relay.reload({ ...proxied, log: { ...config.log, level: "debug" } });
  await askFor(SCRIPT);
  for (let number = 0; number < 10; number++) await askFor("/nothing");
  await eventually(() => {
    const last = lines.findLast(({ path }) => path === SCRIPT);
    expect(last).toMatchObject({ mac: MAC });
    expect(last).not.toHaveProperty("attempt");
    // Of the nothings, some make no event.
    expect(lines).toContainEqual(expect.objectContaining({ msg: "http", level: 20, path: "/nothing" }));
  });
});

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

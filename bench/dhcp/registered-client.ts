/**
 * Machines that the site knows, booting one after the other while something
 * else goes on. Arguments: the interface, for how many seconds. Each asks as a
 * PXE ROM does, again after 4, 8 … seconds (PXE 2.1, section 2.2.4). Writes how
 * long each took from its first DISCOVER to its ACK, in milliseconds, as JSON.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  decode,
  type DhcpPacket,
  encode,
  getU8,
  MESSAGE_TYPE,
  OPTION,
} from "../../core/dhcp-packet/index.ts";
import { openDeviceSocket } from "../../relay/net/device-socket.ts";
import { discover, firmware, request } from "../../test/relay/dhcp/support/client-packets.ts";
import { MACHINES } from "./machines.ts";

const [device = "", seconds = "", server = ""] = process.argv.slice(2);
const PAUSE_MS = 50;
const FIRST_RETRY_MS = 4000;

const waiting = new Map<number, (reply: DhcpPacket) => void>();
const socket = openDeviceSocket({ device, port: 68 });
socket.on("message", (bytes) => {
  const reply = decode(bytes);
  waiting.get(reply.xid)?.(reply);
});

/** Sends until it is answered. */
async function ask(packet: DhcpPacket): Promise<DhcpPacket> {
  const { promise, resolve } = Promise.withResolvers<DhcpPacket>();
  waiting.set(packet.xid, resolve);
  let timer: NodeJS.Timeout | undefined;
  const send = (retryMs: number): void => {
    socket.send(encode(packet), 67, "255.255.255.255");
    timer = setTimeout(send, retryMs, 2 * retryMs);
  };
  send(FIRST_RETRY_MS);
  const reply = await promise;
  clearTimeout(timer);
  waiting.delete(packet.xid);
  return reply;
}

async function boot(number: number): Promise<void> {
  const begun = performance.now();
  const mac = MACHINES[number % MACHINES.length]!.macs[0]!;
  const parts = { mac, options: firmware(7), fields: { xid: 0x10000 + number } };
  const offer = await ask(discover(parts));
  const reply = await ask(request(offer.yiaddr, server, parts));
  if (getU8(reply, OPTION.MESSAGE_TYPE) === MESSAGE_TYPE.ACK) took.push(performance.now() - begun);
}

const took: number[] = [];
const booting: Promise<void>[] = [];
const end = performance.now() + Number(seconds) * 1000;
for (let number = 0; performance.now() < end; number++) {
  booting.push(boot(number));
  await sleep(PAUSE_MS);
}
// The flood goes on a little longer than the boots begin.
await Promise.race([Promise.all(booting), sleep(FIRST_RETRY_MS + 1000)]);
process.stdout.write(JSON.stringify({ begun: booting.length, tookMs: took.sort((a, b) => a - b) }));
process.exit();

import { setTimeout as sleep } from "node:timers/promises";
import {
  decode,
  type DhcpPacket,
  encode,
  getIpv4,
  getU8,
  ipv4Option,
  MESSAGE_TYPE,
  OPTION,
} from "../../core/dhcp-packet/index.ts";
import { openDeviceSocket } from "../../relay/net/device-socket.ts";
import { readInterface } from "../../relay/net/interfaces.ts";
import { discover, firmware, message } from "../relay/dhcp/support/client-packets.ts";
import { run } from "../support/lab/child.ts";

/**
 * A PXE client that does as UEFI firmware does: it collects all OFFERs, takes
 * the one with an address, and asks the one without on port 4011. Arguments:
 * interface, architecture. Writes what it heard as JSON.
 */
const [device = "", arch = ""] = process.argv.slice(2);
const [link] = JSON.parse(await run("ip", ["-j", "link", "show", "dev", device])) as { address: string }[];
const mac = link!.address;
const options = firmware(Number(arch));
const xid = Math.floor(Math.random() * 2 ** 32);
const flags = 0x8000;
const socket = openDeviceSocket({ device, port: 68 });
const heard: { packet: DhcpPacket; from: string }[] = [];
socket.on("message", (bytes, { address, port }) => {
  const packet = decode(bytes);
  if (packet.xid === xid && packet.op === 2) heard.push({ packet, from: `${address}:${port}` });
});
const ofType = (type: number) => heard.filter(({ packet }) => getU8(packet, OPTION.MESSAGE_TYPE) === type);
const serverOf = (packet: DhcpPacket) => getIpv4(packet, OPTION.SERVER_IDENTIFIER);

socket.send(encode(discover({ mac, options, fields: { xid, flags } })), 67, "255.255.255.255");
await sleep(1500);
const offers = ofType(MESSAGE_TYPE.OFFER).map(({ packet }) => packet);
const offer = offers.find(({ yiaddr }) => yiaddr !== "0.0.0.0");
const proxy = offers.find(({ yiaddr }) => yiaddr === "0.0.0.0");
let address = "";
let ack: object | null = null;
if (offer !== undefined) {
  const chosen = [
    ipv4Option(OPTION.REQUESTED_IP_ADDRESS, offer.yiaddr),
    ipv4Option(OPTION.SERVER_IDENTIFIER, serverOf(offer)!),
  ];
  const request = message(MESSAGE_TYPE.REQUEST, {
    mac,
    options: [...chosen, ...options],
    fields: { xid, flags },
  });
  socket.send(encode(request), 67, "255.255.255.255");
  await sleep(500);
  const [acknowledged] = ofType(MESSAGE_TYPE.ACK);
  address = acknowledged?.packet.yiaddr ?? "";
}
if (address !== "" && proxy !== undefined) {
  await run("ip", ["address", "add", `${address}/24`, "dev", device]);
  try {
    const before = heard.length;
    const fields = { xid, ciaddr: readInterface(device).address };
    const question = message(MESSAGE_TYPE.REQUEST, { mac, options, fields });
    socket.send(encode(question), 4011, proxy.siaddr);
    await sleep(500);
    const answer = heard.slice(before)[0];
    if (answer !== undefined) {
      const { packet, from } = answer;
      ack = { from, type: getU8(packet, OPTION.MESSAGE_TYPE), server: serverOf(packet), file: packet.file };
    }
  } finally {
    await run("ip", ["address", "delete", `${address}/24`, "dev", device]);
  }
}
socket.close();
const told = offers.map((packet) => ({ server: serverOf(packet), yiaddr: packet.yiaddr, file: packet.file }));
process.stdout.write(JSON.stringify({ address, offers: told, ack }));

import type { Socket } from "node:dgram";
import { macBytes, type Ipv4, type Mac } from "../../core/addresses.ts";
import {
  bytesOption,
  decode,
  encode,
  getIpv4,
  getText,
  getU8,
  ipv4Option,
  MESSAGE_TYPE,
  OPTION,
  textOption,
  u16Option,
  u8Option,
  type DhcpOption,
  type DhcpPacket,
} from "../../core/dhcp-packet/index.ts";
import { CLIENT_ARCH } from "../../core/pxe/client-arch.ts";
import { openDeviceSocket } from "../../relay/net/device-socket.ts";

const REPLY_TIMEOUT_MS = 3_000;
const TRIES = 3;

/** What a DORA exchange ended in. */
export type Binding = { readonly address: Ipv4; readonly bootFile: string; readonly server: Ipv4 };

/** Which program of the machine is speaking: it decides what the server offers. */
export type Speaker = "firmware" | "ipxe";

export type DhcpExchange = {
  discover(): Promise<DhcpPacket>;
  request(offer: DhcpPacket): Promise<Binding>;
  close(): void;
};

/** A DHCP client of one machine, by broadcast on a device, as firmware and iPXE do it. */
export function openDhcpExchange(options: {
  device: string;
  serverPort: number;
  clientPort: number;
  mac: Mac;
  speaker: Speaker;
  xid: number;
}): DhcpExchange {
  const { serverPort, mac, speaker, xid } = options;
  const socket = openDeviceSocket({ device: options.device, port: options.clientPort });

  const message = (type: number, more: DhcpOption[]): Uint8Array =>
    encode({
      op: 1,
      htype: 1,
      hlen: 6,
      hops: 0,
      xid,
      secs: 0,
      flags: 0x8000,
      ciaddr: "0.0.0.0",
      yiaddr: "0.0.0.0",
      siaddr: "0.0.0.0",
      giaddr: "0.0.0.0",
      chaddr: macBytes(mac),
      sname: "",
      file: "",
      options: [
        u8Option(OPTION.MESSAGE_TYPE, type),
        bytesOption(OPTION.PARAMETER_REQUEST_LIST, Uint8Array.of(1, 3, 6, 54, 66, 67)),
        textOption(OPTION.VENDOR_CLASS_IDENTIFIER, "PXEClient:Arch:00007:UNDI:003001"),
        u16Option(OPTION.CLIENT_SYSTEM_ARCHITECTURE, CLIENT_ARCH.EFI_X86_64),
        ...(speaker === "ipxe" ? [textOption(OPTION.USER_CLASS, "iPXE")] : []),
        ...more,
      ],
    });

  return {
    discover: () => ask(socket, serverPort, message(MESSAGE_TYPE.DISCOVER, []), xid, MESSAGE_TYPE.OFFER),
    request: async (offer) => {
      const server = getIpv4(offer, OPTION.SERVER_IDENTIFIER) ?? "0.0.0.0";
      const request = message(MESSAGE_TYPE.REQUEST, [
        ipv4Option(OPTION.REQUESTED_IP_ADDRESS, offer.yiaddr),
        ipv4Option(OPTION.SERVER_IDENTIFIER, server),
      ]);
      const ack = await ask(socket, serverPort, request, xid, MESSAGE_TYPE.ACK);
      return { address: ack.yiaddr, bootFile: getText(ack, OPTION.BOOTFILE_NAME) ?? ack.file, server };
    },
    close: () => void socket.close(),
  };
}

/** Broadcasts a message until the expected answer comes. */
async function ask(
  socket: Socket,
  port: number,
  message: Uint8Array,
  xid: number,
  expected: number,
): Promise<DhcpPacket> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const answer = new Promise<DhcpPacket | null>((resolve) => {
      const onMessage = (bytes: Uint8Array) => {
        const packet = decode(bytes);
        // Every client on the segment sees broadcasts.
        if (packet.xid !== xid || getU8(packet, OPTION.MESSAGE_TYPE) !== expected) return;
        finish(packet);
      };
      const timer = setTimeout(() => finish(null), REPLY_TIMEOUT_MS);
      const finish = (packet: DhcpPacket | null) => {
        clearTimeout(timer);
        socket.off("message", onMessage);
        resolve(packet);
      };
      socket.on("message", onMessage);
    });
    socket.send(message, port, "255.255.255.255");
    const packet = await answer;
    if (packet !== null) return packet;
  }
  throw new Error(`no answer from a DHCP server on port ${port} in ${TRIES} tries`);
}

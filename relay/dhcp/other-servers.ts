import type { Socket } from "node:dgram";
import { type Ipv4, macBytes } from "../../core/addresses.ts";
import {
  bytesOption,
  decode,
  DecodeError,
  encode,
  getIpv4,
  getU8,
  MESSAGE_TYPE,
  OPTION,
  u8Option,
} from "../../core/dhcp-packet/index.ts";
import { openDeviceSocket } from "../net/device-socket.ts";
import { NetError } from "../net/errors.ts";
import type { InterfaceInfo } from "../net/interfaces.ts";
import { NO_ADDRESS } from "./subnet.ts";

export type OtherServersQuestion = {
  readonly interface: Pick<InterfaceInfo, "name" | "mac">;
  /** 67 and 68, but for tests. */
  readonly port: number;
  readonly clientPort: number;
  /** Addresses that are our own. */
  readonly own: readonly Ipv4[];
  /** How long to listen; some servers ping an address for three seconds before they offer it. */
  readonly timeoutMs?: number;
  /** Any 32 bits. */
  readonly xid: number;
  /** Called as soon as one is heard; what is returned has them all. */
  readonly onServer?: (server: Ipv4) => void;
};

export type OtherServersAnswer =
  | { readonly kind: "heard"; readonly servers: readonly Ipv4[] }
  /** Something else listens for DHCP replies on this interface, a DHCP client most likely. */
  | { readonly kind: "client-port-taken" };

const DEFAULT_TIMEOUT_MS = 5000;

/** Asked again in between, as a datagram may be lost. */
const ASKS = 3;

const BROADCAST_FLAG = 0x8000;

/**
 * Asks for an address as any client does, to hear which other DHCP servers
 * answer on a wire. None of their offers is taken up.
 *
 * @throws NetError when the interface does not allow it
 */
export async function findOtherServers(question: OtherServersQuestion): Promise<OtherServersAnswer> {
  const { interface: info, port, clientPort, own, xid } = question;
  let socket: Socket;
  try {
    socket = openDeviceSocket({ device: info.name, port: clientPort });
  } catch (error) {
    if (error instanceof NetError && error.code === "port-in-use") return { kind: "client-port-taken" };
    throw error;
  }
  const servers = new Set<Ipv4>();
  socket.on("error", () => undefined); // a link that goes down ends in silence, and that is the answer
  socket.on("message", (bytes) => {
    const server = readOffer(bytes, xid);
    if (server === undefined || own.includes(server) || servers.has(server)) return;
    servers.add(server);
    question.onServer?.(server);
  });
  const discover = encode(discoverFrom(info.mac, xid));
  const timeoutMs = question.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  try {
    for (let i = 0; i < ASKS; i++) {
      socket.send(discover, port, "255.255.255.255", () => undefined);
      await new Promise((resolve) => setTimeout(resolve, timeoutMs / ASKS));
    }
  } finally {
    socket.close();
  }
  return { kind: "heard", servers: [...servers] };
}

function readOffer(bytes: Uint8Array, xid: number): Ipv4 | undefined {
  try {
    const packet = decode(bytes);
    if (packet.op !== 2 || packet.xid !== xid || packet.yiaddr === NO_ADDRESS) return undefined;
    if (getU8(packet, OPTION.MESSAGE_TYPE) !== MESSAGE_TYPE.OFFER) return undefined;
    return getIpv4(packet, OPTION.SERVER_IDENTIFIER);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function discoverFrom(mac: string, xid: number): Parameters<typeof encode>[0] {
  return {
    op: 1,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid,
    secs: 0,
    flags: BROADCAST_FLAG,
    ciaddr: NO_ADDRESS,
    yiaddr: NO_ADDRESS,
    siaddr: NO_ADDRESS,
    giaddr: NO_ADDRESS,
    chaddr: macBytes(mac),
    sname: "",
    file: "",
    options: [
      u8Option(OPTION.MESSAGE_TYPE, MESSAGE_TYPE.DISCOVER),
      bytesOption(OPTION.PARAMETER_REQUEST_LIST, Uint8Array.of(1, 3, 6, 51, 54)),
    ],
  };
}

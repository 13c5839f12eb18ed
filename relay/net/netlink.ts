import { formatIpv4, type Ipv4 } from "../../core/addresses.ts";
import { NetError } from "./errors.ts";
import { closeDescriptor, openNetlinkSocket, receive, send } from "./libc.ts";

/** An IPv4 address of an interface, by the interface's number. */
export type LinkAddress = {
  readonly interfaceIndex: number;
  readonly address: Ipv4;
  readonly prefixLength: number;
};

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const NLM_F_REQUEST_DUMP = 0x301;
const AF_INET = 2;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const RECEIVE_BYTES = 64 * 1024;

/**
 * Asks the kernel for every IPv4 address of this host, in its own order
 * (rtnetlink(7), RTM_GETADDR). `os.networkInterfaces()` leaves out interfaces
 * without a carrier: a relay must come up before its switch does.
 *
 * @throws NetError `socket-failed`
 */
export function listLinkAddresses(): LinkAddress[] {
  const socket = openNetlinkSocket();
  if (!socket.ok) throw failed("open", socket.errno);
  try {
    const request = Buffer.alloc(24);
    request.writeUInt32LE(request.length, 0);
    request.writeUInt16LE(RTM_GETADDR, 4);
    request.writeUInt16LE(NLM_F_REQUEST_DUMP, 6);
    request.writeUInt8(AF_INET, 16);
    const sent = send(socket.value, request);
    if (!sent.ok) throw failed("ask", sent.errno);

    const addresses: LinkAddress[] = [];
    const buffer = Buffer.alloc(RECEIVE_BYTES);
    for (;;) {
      const received = receive(socket.value, buffer);
      if (!received.ok) throw failed("read", received.errno);
      if (!readMessages(buffer.subarray(0, received.value), addresses)) return addresses;
    }
  } finally {
    closeDescriptor(socket.value);
  }
}

/** Adds what one datagram tells; `false` once the dump is complete. */
function readMessages(bytes: Buffer, addresses: LinkAddress[]): boolean {
  for (let at = 0; at + 16 <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    const type = bytes.readUInt16LE(at + 4);
    if (type === NLMSG_DONE || length < 16) return false;
    if (type === NLMSG_ERROR) throw failed("list", -bytes.readInt32LE(at + 16));
    if (type === RTM_NEWADDR) {
      const address = readAddress(bytes.subarray(at + 16, at + length));
      if (address !== undefined) addresses.push(address);
    }
    at += align(length);
  }
  return true;
}

/** `| family | prefix length | flags | scope | interface (4) | attributes: length (2) | type (2) | value … |` */
function readAddress(message: Buffer): LinkAddress | undefined {
  let local: Buffer | undefined;
  let peer: Buffer | undefined;
  for (let at = 8; at + 4 <= message.length;) {
    const length = message.readUInt16LE(at);
    if (length < 4) break;
    const value = message.subarray(at + 4, at + length);
    if (message.readUInt16LE(at + 2) === IFA_LOCAL) local = value;
    if (message.readUInt16LE(at + 2) === IFA_ADDRESS) peer = value;
    at += align(length);
  }
  // On a point-to-point link IFA_ADDRESS is the other end's.
  const own = local ?? peer;
  if (own?.length !== 4) return undefined;
  return {
    interfaceIndex: message.readUInt32LE(4),
    address: formatIpv4(own.readUInt32BE(0)),
    prefixLength: message.readUInt8(1),
  };
}

function align(length: number): number {
  return (length + 3) & ~3;
}

function failed(what: string, errno: number): NetError {
  return new NetError("socket-failed", `cannot ${what} the kernel's addresses (error ${errno})`);
}

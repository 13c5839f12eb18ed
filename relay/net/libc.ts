import koffi from "koffi";
import { formatIpv4, parseIpv4, type Ipv4 } from "../../core/addresses.ts";
import type { MessageVector } from "./message-vector.ts";

/** A system call of this process's libc: its result, or the error number it set. */
export type CallResult =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly errno: number };

/** `koffi.load(null)` finds the libc already in the process, be it glibc or musl. */
const libc = koffi.load(null);

const nativeSocket = libc.func("int socket(int domain, int type, int protocol)");
const nativeSetsockopt = libc.func(
  "int setsockopt(int fd, int level, int name, const void *value, uint32_t length)",
);
const nativeBind = libc.func("int bind(int fd, const void *address, uint32_t length)");
const nativeClose = libc.func("int close(int fd)");

const nativeSend = libc.func("intptr_t send(int fd, const void *data, size_t length, int flags)");
const nativeRecv = libc.func("intptr_t recv(int fd, _Out_ void *data, size_t length, int flags)");
const nativeReceiveMany = libc.func(
  "int recvmmsg(int fd, void *headers, unsigned int count, int flags, void *timeout)",
);
const nativeSendMany = libc.func("int sendmmsg(int fd, void *headers, unsigned int count, int flags)");
const nativeIoctl = libc.func("int ioctl(int fd, unsigned long request, _Inout_ void *argument)");

// Results that fit 32 bits are taken as such: a 64-bit one costs as much as the rest of the call.
const nativeSendto = libc.func(
  "int sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)",
);
const nativeRecvfrom = libc.func(
  "int recvfrom(int fd, void *data, size_t length, int flags, void *address, void *addressLength)",
);

const nativeIfNameToIndex = libc.func("unsigned int if_nametoindex(const char *name)");

/** Error numbers told apart here; the same on every Linux architecture. */
export const ERRNO = { EPERM: 1, EAGAIN: 11, EACCES: 13, ENODEV: 19, EADDRINUSE: 98 } as const;

const AF_UNIX = 1;
const AF_INET = 2;
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_RAW = 3;
const SIOCGIFHWADDR = 0x8927;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const MSG_DONTWAIT = 0x40;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_BROADCAST = 6;
const SO_BINDTODEVICE = 25;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

/** Opens a non-blocking IPv4 datagram socket; the value is its descriptor. See socket(2). */
export function openDatagramSocket(): CallResult {
  return result(nativeSocket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) as number);
}

/** Opens a non-blocking datagram socket to processes of this host. See unix(7). */
export function openUnixDatagramSocket(): CallResult {
  return result(nativeSocket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) as number);
}

/** A socket's path as struct sockaddr_un has it; one that begins with `@` is abstract. See unix(7). */
export function encodeUnixAddress(path: string): Buffer {
  const bytes = Buffer.from(`\0\0${path}`);
  bytes.writeUInt16LE(AF_UNIX, 0);
  if (path.startsWith("@")) bytes.writeUInt8(0, 2);
  return bytes;
}

/** Opens a socket to the kernel's routing tables. See rtnetlink(7). */
export function openNetlinkSocket(): CallResult {
  return result(nativeSocket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) as number);
}

/** Sends to the peer that a socket has. See send(2). */
export function send(fd: number, data: Buffer): CallResult {
  return result(Number(nativeSend(fd, data, data.length, 0)));
}

/** Waits for a datagram; the value is its size. See recv(2). */
export function receive(fd: number, buffer: Buffer): CallResult {
  return result(Number(nativeRecv(fd, buffer, buffer.length, 0)));
}

/** Reads what a socket holds, a vector at most, without waiting; the value is how many. See recvmmsg(2). */
export function receiveMany(fd: number, vector: MessageVector): CallResult {
  return result(nativeReceiveMany(fd, vector.headersFrom(0), vector.capacity, MSG_DONTWAIT, null) as number);
}

/**
 * Sends datagrams of a vector, without waiting; the value is how many. Fails
 * only if the very first cannot be sent. See sendmmsg(2).
 */
export function sendMany(fd: number, vector: MessageVector, from: number, count: number): CallResult {
  return result(nativeSendMany(fd, vector.headersFrom(from), count, MSG_DONTWAIT) as number);
}

/** The hardware address of a device, 6 bytes, or `undefined`. See netdevice(7), SIOCGIFHWADDR. */
export function hardwareAddress(device: string): Buffer | undefined {
  const socket = openDatagramSocket();
  if (!socket.ok) return undefined;
  try {
    // struct ifreq: the name in 16 bytes, then struct sockaddr: a family in 2, the address.
    const request = Buffer.alloc(40);
    request.write(device.slice(0, 15), "latin1");
    const { ok } = result(nativeIoctl(socket.value, SIOCGIFHWADDR, request) as number);
    return ok ? request.subarray(18, 24) : undefined;
  } finally {
    closeDescriptor(socket.value);
  }
}

/** Allows datagrams to a broadcast address. See socket(7). */
export function allowBroadcast(fd: number): CallResult {
  const on = Buffer.alloc(4);
  on.writeInt32LE(1);
  return result(nativeSetsockopt(fd, SOL_SOCKET, SO_BROADCAST, on, on.length) as number);
}

/** Restricts a socket to one network device, in both directions. See socket(7). */
export function bindToDevice(fd: number, device: string): CallResult {
  const name = Buffer.from(`${device}\0`, "latin1");
  return result(nativeSetsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) as number);
}

/** Binds to a port on every address of the socket's device. See bind(2), ip(7). */
export function bindAnyAddress(fd: number, port: number): CallResult {
  return bindAddress(fd, "0.0.0.0", port);
}

/** Binds to an address and a port; port 0 takes a free one. See bind(2), ip(7). */
export function bindAddress(fd: number, address: Ipv4, port: number): CallResult {
  const bytes = encodeSocketAddress(address, port);
  return result(nativeBind(fd, bytes, bytes.length) as number);
}

/** An address and port as struct sockaddr_in has them: 16 bytes. See ip(7). */
export function encodeSocketAddress(address: Ipv4, port: number): Buffer {
  // The family in host order (little-endian on all we run on), port and address in network order.
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.writeUInt32BE(parseIpv4(address)!, 4);
  return bytes;
}

/** Reads what `encodeSocketAddress` writes. */
export function decodeSocketAddress(bytes: Buffer): { readonly address: Ipv4; readonly port: number } {
  return { address: formatIpv4(bytes.readUInt32BE(4)), port: bytes.readUInt16BE(2) };
}

/**
 * Has the kernel cut what is sent into datagrams of `bytes` each, the last one
 * as short as it comes; 0: not. See udp(7), UDP_SEGMENT; Linux 4.18.
 */
export function segmentDatagrams(fd: number, bytes: number): CallResult {
  const value = Buffer.alloc(4);
  value.writeInt32LE(bytes);
  return result(nativeSetsockopt(fd, SOL_UDP, UDP_SEGMENT, value, value.length) as number);
}

/**
 * Sends the first `length` bytes of `data` to an encoded address, without waiting; returns 0, or the error number. See sendto(2).
 */
export function sendTo(fd: number, data: Buffer, length: number, to: Buffer): number {
  const sent = nativeSendto(fd, data, length, MSG_DONTWAIT, to, to.length) as number;
  return sent < 0 ? koffi.errno() : 0;
}

/** struct sockaddr_in's length, which the kernel overwrites with the same. */
const addressLength = Buffer.from([16, 0, 0, 0]);

/**
 * Takes a datagram that has arrived, and its source into the 16 bytes of
 * `from`; returns its length, or -1 where there is none. See recvfrom(2).
 */
export function receiveFrom(fd: number, into: Buffer, from: Buffer): number {
  return nativeRecvfrom(fd, into, into.length, MSG_DONTWAIT, from, addressLength) as number;
}

/** The number of a network device, another each time it appears; 0 if there is none of that name. */
export function interfaceIndex(device: string): number {
  return nativeIfNameToIndex(device) as number;
}

/** Closes a descriptor. See close(2). */
export function closeDescriptor(fd: number): CallResult {
  return result(nativeClose(fd) as number);
}

function result(value: number): CallResult {
  return value < 0 ? { ok: false, errno: koffi.errno() } : { ok: true, value };
}

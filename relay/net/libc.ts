import koffi from "koffi";
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

const nativeIfNameToIndex = libc.func("unsigned int if_nametoindex(const char *name)");

/** Error numbers told apart here; the same on every Linux architecture. */
export const ERRNO = { EPERM: 1, EAGAIN: 11, EACCES: 13, ENODEV: 19, EADDRINUSE: 98 } as const;

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

/** Opens a non-blocking IPv4 datagram socket; the value is its descriptor. See socket(2). */
export function openDatagramSocket(): CallResult {
  return result(nativeSocket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) as number);
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
  // struct sockaddr_in: family in host order (little-endian on all we run on), port in network order.
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  return result(nativeBind(fd, address, address.length) as number);
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

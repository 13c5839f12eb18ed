import koffi from "koffi";

/**
 * The client's sockets, straight on libc: node:dgram would be what limits the
 * servers under measurement.
 */
const libc = koffi.load(null);
const nativeSocket = libc.func("int socket(int domain, int type, int protocol)");
const nativeConnect = libc.func("int connect(int fd, const void *address, uint32_t length)");
const nativeClose = libc.func("int close(int fd)");
const nativeSetsockopt = libc.func(
  "int setsockopt(int fd, int level, int name, const void *value, uint32_t length)",
);
const nativeSendto = libc.func(
  "intptr_t sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)",
);
const nativeRecvmmsg = libc.func(
  "int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)",
);
const nativePoll = libc.func("int poll(void *descriptors, unsigned long count, int timeoutMs)");

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_RCVBUF = 8;
const MSG_DONTWAIT = 0x40;
const MSG_WAITFORONE = 0x10000;
const POLLIN = 1;

/** Datagrams taken at a time. */
const BATCH = 64;
const SLOT_BYTES = 2048;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** Sizes of struct mmsghdr, iovec and sockaddr_in on 64-bit Linux. */
const MMSGHDR = 64;
const IOVEC = 16;
const SOCKADDR_IN = 16;

export function sockaddr(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(SOCKADDR_IN);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  for (const [index, part] of address.split(".").entries()) bytes[4 + index] = Number(part);
  return bytes;
}

/** Opens a UDP socket whose receiving waits for `patienceMs` at most. */
export function openSocket(patienceMs: number): number {
  const fd = nativeSocket(AF_INET, SOCK_DGRAM, 0) as number;
  if (fd < 0) throw new Error(`socket: errno ${koffi.errno()}`);
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(BigInt(Math.floor(patienceMs / 1000)), 0);
  timeout.writeBigInt64LE(BigInt((patienceMs % 1000) * 1000), 8);
  nativeSetsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length);
  const size = Buffer.alloc(4);
  size.writeInt32LE(RECEIVE_BUFFER_BYTES);
  nativeSetsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, size.length);
  return fd;
}

export function connect(fd: number, address: Buffer): void {
  if ((nativeConnect(fd, address, address.length) as number) < 0)
    throw new Error(`connect: ${koffi.errno()}`);
}

export function close(fd: number): void {
  nativeClose(fd);
}

/** Sends to `address`, or to the peer of a connected socket. */
export function send(fd: number, data: Buffer, address: Buffer | null): void {
  nativeSendto(fd, data, data.length, 0, address, address === null ? 0 : address.length);
}

/**
 * Where received datagrams are put; shared by all sockets, each batch
 * overwrites the one before. One allocation: the kernel follows pointers from
 * one part to another, and no part may be collected.
 */
const memory = Buffer.alloc(BATCH * (SLOT_BYTES + SOCKADDR_IN + IOVEC + MMSGHDR));
const slots = memory.subarray(0, BATCH * SLOT_BYTES);
const sources = part(slots, SOCKADDR_IN);
const vectors = part(sources, IOVEC);
const headers = part(vectors, MMSGHDR);
function part(before: Buffer, bytesEach: number): Buffer {
  const start = before.byteOffset - memory.byteOffset + before.length;
  return memory.subarray(start, start + BATCH * bytesEach);
}
for (let index = 0; index < BATCH; index++) {
  vectors.writeBigUInt64LE(koffi.address(slots) + BigInt(index * SLOT_BYTES), index * IOVEC);
  vectors.writeBigUInt64LE(BigInt(SLOT_BYTES), index * IOVEC + 8);
  const at = index * MMSGHDR;
  headers.writeBigUInt64LE(koffi.address(sources) + BigInt(index * SOCKADDR_IN), at);
  headers.writeBigUInt64LE(koffi.address(vectors) + BigInt(index * IOVEC), at + 16);
  headers.writeBigUInt64LE(1n, at + 24);
}

/** What a batch holds; valid until the next is taken. */
export const batch = {
  bytes: slots,
  start: (index: number): number => index * SLOT_BYTES,
  length: (index: number): number => headers.readUInt32LE(index * MMSGHDR + 56),
  source: (index: number): Buffer => sources.subarray(index * SOCKADDR_IN, (index + 1) * SOCKADDR_IN),
};

/** Takes what has arrived; waits for the first if `wait`. 0: nothing came. */
export function receive(fd: number, wait: boolean): number {
  for (let index = 0; index < BATCH; index++) headers.writeUInt32LE(SOCKADDR_IN, index * MMSGHDR + 8);
  return Math.max(
    0,
    nativeRecvmmsg(fd, headers, BATCH, wait ? MSG_WAITFORONE : MSG_DONTWAIT, null) as number,
  );
}

/** Waits for any of `fds`; calls back with the index of each that can be read. */
export function createPoll(fds: readonly number[]): (onReadable: (index: number) => void) => void {
  const entries = Buffer.alloc(fds.length * 8);
  for (const [index, fd] of fds.entries()) {
    entries.writeInt32LE(fd, index * 8);
    entries.writeInt16LE(POLLIN, index * 8 + 4);
  }
  return (onReadable) => {
    if ((nativePoll(entries, fds.length, 50) as number) <= 0) return;
    for (let index = 0; index < fds.length; index++) {
      if (entries.readInt16LE(index * 8 + 6) !== 0) onReadable(index);
    }
  };
}

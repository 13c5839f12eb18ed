import koffi from "koffi";
import { closeDescriptor, type CallResult } from "./libc.ts";

/**
 * Which of many descriptors can be read now, without waiting: an epoll(7) set
 * beside the event loop's own. Node tells one datagram an event; a loop over
 * this set takes all that have come at the price of a system call each.
 */
export type ReadinessSet = {
  add(fd: number): CallResult;
  /** Before `fd` is closed. */
  remove(fd: number): void;
  /** Calls back for each that can be read, and says whether there was one. */
  poll(onReadable: (fd: number) => void): boolean;
  close(): void;
};

const libc = koffi.load(null);
const nativeCreate = libc.func("int epoll_create1(int flags)");
const nativeControl = libc.func("int epoll_ctl(int epoll, int operation, int fd, const void *event)");
const nativeWait = libc.func("int epoll_wait(int epoll, void *events, int count, int timeoutMs)");

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;

/** struct epoll_event is packed on x86-64, and on no other architecture. */
const EVENT = process.arch === "x64" ? { bytes: 12, fd: 4 } : { bytes: 16, fd: 8 };
const EVENTS_AT_A_TIME = 128;

export function createReadinessSet(): ReadinessSet {
  const epoll = nativeCreate(EPOLL_CLOEXEC) as number;
  const events = Buffer.alloc(EVENTS_AT_A_TIME * EVENT.bytes);
  const change = Buffer.alloc(EVENT.bytes);
  return {
    add(fd) {
      change.writeUInt32LE(EPOLLIN, 0);
      change.writeInt32LE(fd, EVENT.fd);
      const value = nativeControl(epoll, EPOLL_CTL_ADD, fd, change) as number;
      return value < 0 ? { ok: false, errno: koffi.errno() } : { ok: true, value };
    },
    remove: (fd) => void nativeControl(epoll, EPOLL_CTL_DEL, fd, change),
    poll(onReadable) {
      const count = nativeWait(epoll, events, EVENTS_AT_A_TIME, 0) as number;
      for (let index = 0; index < count; index++) {
        onReadable(events.readInt32LE(index * EVENT.bytes + EVENT.fd));
      }
      return count > 0;
    },
    close: () => void closeDescriptor(epoll),
  };
}

import type { Ipv4 } from "../../core/addresses.ts";
import { getSystemErrorMessage } from "node:util";
import { adoptDescriptor } from "../net/adopt-descriptor.ts";
import { NetError } from "../net/errors.ts";
import {
  bindAddress,
  closeDescriptor,
  decodeSocketAddress,
  encodeSocketAddress,
  openDatagramSocket,
  receiveFrom,
  segmentDatagrams,
  sendTo,
  type CallResult,
} from "../net/libc.ts";
import { createReadinessSet } from "../net/readiness.ts";

/** A client's address and transfer identifier. */
export type TftpPeer = { readonly address: Ipv4; readonly port: number };

/** What a transfer wants to hear; `datagram` is valid during the call only. */
export type TransferSocketEvents = {
  onPeer(datagram: Uint8Array): void;
  /** Somebody else sent something to this transfer's port. */
  onStranger(datagram: Uint8Array, from: TftpPeer): void;
  onError(error: Error): void;
};

/** The socket of one transfer, whose port is its transfer identifier (RFC 1350 section 4). */
export type TransferSocket = {
  /** Datagrams that one `send` may hold. */
  readonly maxDatagrams: number;
  /**
   * Sends the first `length` bytes of `bytes` to the peer, at once: datagrams
   * of the segment size, the last one as short as it comes. Returns why they
   * are lost, or `undefined`.
   */
  send(bytes: Buffer, length: number): string | undefined;
  sendTo(bytes: Uint8Array, to: TftpPeer): void;
  close(): void;
};

/** The sockets of all transfers of a server. */
export type TransferSockets = {
  /**
   * Opens a socket for a transfer to `peer`.
   *
   * @param segmentBytes of a whole DATA
   * @throws NetError `socket-failed`
   */
  open(peer: TftpPeer, segmentBytes: number, events: TransferSocketEvents): TransferSocket;
  /** After the last socket is closed. */
  close(): void;
};

/** UDP_MAX_SEGMENTS of Linux before 6.9. */
const MAX_SEGMENTS = 64;
/** What one IPv4 datagram carries, and a chain of segments with it. */
export const MAX_SEND_BYTES = 65_507;
/** No client's packet is longer, but for junk. */
const RECEIVE_BYTES = 2048;
/** Other work of the process waits no longer than this for a turn of datagrams. */
const TURN_MS = 1;

/**
 * Creates sockets that send from `address`. They are not connected on
 * purpose: the kernel would hide what strangers send, which wants an ERROR 5,
 * not an ICMP message. What is sent goes straight to the kernel, a window of
 * blocks by one system call; what comes wakes node:dgram, and is taken from
 * there for as many transfers as have something.
 */
export function createTransferSockets(address: Ipv4): TransferSockets {
  const readable = createReadinessSet();
  const takers = new Map<number, () => void>();
  const received = Buffer.alloc(RECEIVE_BYTES);
  const source = Buffer.alloc(16);

  const takeOne = (fd: number): void => takers.get(fd)?.();

  /** One datagram has been handled: those of other transfers are likely to be there as well. */
  function takeOthers(): void {
    if (takers.size < 2) return;
    const end = performance.now() + TURN_MS;
    while (readable.poll(takeOne) && performance.now() < end);
  }

  return {
    open(peer, segmentBytes, events) {
      const fd = openBound(address);
      const isSegmented = segmentDatagrams(fd, segmentBytes).ok;
      const peerAddress = encodeSocketAddress(peer.address, peer.port);
      const socket = adopt(fd);
      let cutsItself = !isSegmented;

      takers.set(fd, () => {
        const length = receiveFrom(fd, received, source);
        if (length < 0) return;
        const datagram = received.subarray(0, length);
        if (source.compare(peerAddress, 0, 8, 0, 8) === 0) events.onPeer(datagram);
        else events.onStranger(datagram, decodeSocketAddress(source));
      });
      expectOk(readable.add(fd), "watch");
      socket.on("message", (datagram, from) => {
        if (from.port === peer.port && from.address === peer.address) events.onPeer(datagram);
        else events.onStranger(datagram, from);
        takeOthers();
      });
      socket.on("error", (error) => events.onError(error));

      /** One by one, where the kernel or the way to the client has no segments. */
      function sendEach(bytes: Buffer, length: number): number {
        let failure = 0;
        for (let at = 0; at < length; at += segmentBytes) {
          const each = Math.min(segmentBytes, length - at);
          failure = sendTo(fd, bytes.subarray(at), each, peerAddress) || failure;
        }
        return failure;
      }

      return {
        maxDatagrams: Math.min(MAX_SEGMENTS, Math.floor(MAX_SEND_BYTES / segmentBytes)),
        send(bytes, length) {
          let errno = cutsItself ? sendEach(bytes, length) : sendTo(fd, bytes, length, peerAddress);
          if (errno !== 0 && !cutsItself && length > segmentBytes) {
            segmentDatagrams(fd, 0);
            cutsItself = true;
            errno = sendEach(bytes, length);
          }
          return errno === 0 ? undefined : getSystemErrorMessage(-errno);
        },
        sendTo: (bytes, to) =>
          void sendTo(fd, Buffer.from(bytes), bytes.length, encodeSocketAddress(to.address, to.port)),
        close() {
          readable.remove(fd);
          takers.delete(fd);
          socket.close();
        },
      };
    },
    close: () => readable.close(),
  };
}

function openBound(address: Ipv4): number {
  const fd = expectOk(openDatagramSocket(), "open");
  const bound = bindAddress(fd, address, 0);
  if (!bound.ok) closeDescriptor(fd);
  expectOk(bound, `bind to ${address}`);
  return fd;
}

function adopt(fd: number): ReturnType<typeof adoptDescriptor> {
  try {
    return adoptDescriptor(fd);
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

function expectOk(result: CallResult, what: string): number {
  if (result.ok) return result.value;
  throw new NetError(
    "socket-failed",
    `cannot ${what} the socket of a transfer: ${getSystemErrorMessage(-result.errno)}`,
  );
}

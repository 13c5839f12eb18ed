import type { Socket } from "node:dgram";
import { once } from "node:events";
import { getSystemErrorMessage } from "node:util";
import { type DeviceSocketOptions, openWithDescriptor } from "./device-socket.ts";
import { NetError } from "./errors.ts";
import { ERRNO, receiveMany, sendMany } from "./libc.ts";
import { type Endpoint, MessageVector } from "./message-vector.ts";

export type BatchSocketOptions = DeviceSocketOptions & {
  /** `bytes` are another datagram's as soon as this returns. */
  readonly onDatagram: (bytes: Uint8Array, source: Endpoint) => void;
  readonly onError: (error: Error, message: string) => void;
};

/** Datagrams a system call. */
const BATCH = 64;

/** Over this no frame carries it unfragmented; a longer one is cut when read, and sent by itself. */
const SLOT_BYTES = 9216;

/** So many batches are read before what was read gets its turn. */
const MAX_BATCHES = 64;

/**
 * A UDP socket of one device that reads and writes many datagrams a system
 * call.
 *
 * node:dgram takes one at a time, each in a buffer of its own: some ten times
 * what the kernel's part costs. Under a flood most of what is read is dropped
 * again, so reading must cost next to nothing. Here node:dgram tells that
 * there is something to read, by reading the first, and waits where the
 * kernel's send buffer is full; recvmmsg and sendmmsg do the rest.
 */
export class BatchSocket {
  readonly #options: BatchSocketOptions;
  readonly #socket: Socket;
  readonly #fd: number;
  readonly #incoming = new MessageVector(BATCH, SLOT_BYTES);
  readonly #outgoing = new MessageVector(BATCH, SLOT_BYTES);
  #queued = 0;
  #open = true;

  /** @throws NetError as `openDeviceSocket` */
  constructor(options: BatchSocketOptions) {
    this.#options = options;
    const { socket, fd } = openWithDescriptor(options);
    this.#socket = socket;
    this.#fd = fd;
    socket.on("message", (bytes, source) => {
      options.onDatagram(bytes, source);
      this.#readAll();
    });
    socket.on("error", (error) => options.onError(error, "the socket failed"));
  }

  /** Takes a copy of a datagram, to be sent at the next `flush` or before. */
  send(bytes: Uint8Array, destination: Endpoint): void {
    if (bytes.length > SLOT_BYTES) {
      this.#sendSingly(Uint8Array.from(bytes), destination);
      return;
    }
    this.#outgoing.put(this.#queued, bytes, destination);
    this.#queued += 1;
    if (this.#queued === BATCH) this.flush();
  }

  /** Hands what was taken to the kernel. */
  flush(): void {
    const count = this.#queued;
    this.#queued = 0;
    let next = 0;
    while (next < count && this.#open) {
      const sent = sendMany(this.#fd, this.#outgoing, next, count - next);
      if (sent.ok) {
        next += sent.value;
        continue;
      }
      const { bytes, destination } = this.#outgoing.toSend(next);
      // A full send buffer: node:dgram keeps the datagram until there is room.
      if (sent.errno === ERRNO.EAGAIN) this.#sendSingly(Uint8Array.from(bytes), destination);
      else this.#fail(sent.errno, "send to", "a reply could not be sent");
      next += 1;
    }
  }

  async close(): Promise<void> {
    this.#open = false;
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }

  #readAll(): void {
    for (let i = 0; i < MAX_BATCHES && this.#open; i++) {
      const read = receiveMany(this.#fd, this.#incoming);
      if (!read.ok) {
        if (read.errno !== ERRNO.EAGAIN) this.#fail(read.errno, "receive from", "the socket failed");
        return;
      }
      for (let k = 0; k < read.value; k++) {
        this.#options.onDatagram(this.#incoming.received(k), this.#incoming.endpoint(k));
      }
      if (read.value < BATCH) return;
    }
  }

  #sendSingly(bytes: Uint8Array, { address, port }: Endpoint): void {
    this.#socket.send(bytes, port, address, (error) => {
      if (error) this.#options.onError(error, "a reply could not be sent");
    });
  }

  #fail(errno: number, what: string, message: string): void {
    const reason = getSystemErrorMessage(-errno);
    this.#options.onError(
      new NetError("socket-failed", `cannot ${what} ${this.#options.device}: ${reason}`),
      message,
    );
  }
}

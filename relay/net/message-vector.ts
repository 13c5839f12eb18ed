import koffi from "koffi";
import { parseIpv4, type Ipv4 } from "../../core/addresses.ts";

/** Where a datagram comes from or goes to. */
export type Endpoint = { readonly address: Ipv4; readonly port: number };

const HEADER_BYTES = 64;
const VECTOR_BYTES = 16;
const NAME_BYTES = 16;

/** In 32-bit words of a header. */
const HEADER_WORDS = HEADER_BYTES / 4;
const LENGTH_WORD = 14;

const AF_INET = 2;

/**
 * Datagrams in memory, laid out as recvmmsg(2) and sendmmsg(2) take them.
 * Addresses of 64 bits, little-endian, which is every machine we run on:
 *
 * ```
 * mmsghdr  0 msg_name  8 msg_namelen  16 msg_iov  24 msg_iovlen  …  56 msg_len    64 bytes each
 * iovec    0 iov_base  8 iov_len                                                 16 bytes each
 * sockaddr_in  0 family  2 port (network order)  4 address                       16 bytes each
 * slots                                                                          `slotBytes` each
 * ```
 *
 * All of it is one ArrayBuffer, whose memory never moves.
 */
export class MessageVector {
  readonly capacity: number;
  readonly slotBytes: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #words: Uint32Array;
  readonly #vectorsAt: number;
  readonly #namesAt: number;
  readonly #slotsAt: number;
  #lastEndpoint: { readonly host: number; readonly port: number; readonly endpoint: Endpoint } | undefined;

  constructor(capacity: number, slotBytes: number) {
    this.capacity = capacity;
    this.slotBytes = slotBytes;
    this.#vectorsAt = capacity * HEADER_BYTES;
    this.#namesAt = this.#vectorsAt + capacity * VECTOR_BYTES;
    this.#slotsAt = this.#namesAt + capacity * NAME_BYTES;
    const memory = new ArrayBuffer(this.#slotsAt + capacity * slotBytes);
    this.#bytes = new Uint8Array(memory);
    this.#view = new DataView(memory);
    this.#words = new Uint32Array(memory, 0, (capacity * HEADER_BYTES) / 4);
    const base = koffi.address(this.#bytes);
    for (let i = 0; i < capacity; i++) {
      const header = i * HEADER_BYTES;
      const vector = this.#vectorsAt + i * VECTOR_BYTES;
      const name = this.#namesAt + i * NAME_BYTES;
      this.#view.setBigUint64(header, base + BigInt(name), true);
      this.#view.setUint32(header + 8, NAME_BYTES, true);
      this.#view.setBigUint64(header + 16, base + BigInt(vector), true);
      this.#view.setBigUint64(header + 24, 1n, true);
      this.#view.setBigUint64(vector, base + BigInt(this.#slotsAt + i * slotBytes), true);
      this.#view.setBigUint64(vector + 8, BigInt(slotBytes), true);
      this.#view.setUint16(name, AF_INET, true);
    }
  }

  /** The headers from one datagram on: what the system calls are given. */
  headersFrom(index: number): Uint8Array {
    return this.#bytes.subarray(index * HEADER_BYTES);
  }

  /** A received datagram, cut to the slot if it was longer; valid until the next call of the kernel. */
  received(index: number): Uint8Array {
    const start = this.#slotsAt + index * this.slotBytes;
    return this.#bytes.subarray(start, start + this.#words[index * HEADER_WORDS + LENGTH_WORD]!);
  }

  /** Where a datagram came from, or goes to. */
  endpoint(index: number): Endpoint {
    const name = this.#namesAt + index * NAME_BYTES;
    const port = this.#view.getUint16(name + 2);
    const host = this.#view.getUint32(name + 4);
    const last = this.#lastEndpoint;
    // Clients without an address all come from 0.0.0.0:68.
    if (last?.host === host && last.port === port) return last.endpoint;
    const address = `${host >>> 24}.${(host >>> 16) & 255}.${(host >>> 8) & 255}.${host & 255}`;
    const endpoint = { address, port };
    this.#lastEndpoint = { host, port, endpoint };
    return endpoint;
  }

  /** Puts a datagram, of a slot's bytes at most, where it will be sent from. */
  put(index: number, datagram: Uint8Array, { address, port }: Endpoint): void {
    this.#bytes.set(datagram, this.#slotsAt + index * this.slotBytes);
    this.#view.setUint32(this.#vectorsAt + index * VECTOR_BYTES + 8, datagram.length, true);
    const name = this.#namesAt + index * NAME_BYTES;
    this.#view.setUint16(name + 2, port);
    this.#view.setUint32(name + 4, parseIpv4(address) ?? 0);
  }

  /** A datagram that was put, and where it goes to. */
  toSend(index: number): { readonly bytes: Uint8Array; readonly destination: Endpoint } {
    const start = this.#slotsAt + index * this.slotBytes;
    const length = this.#view.getUint32(this.#vectorsAt + index * VECTOR_BYTES + 8, true);
    return { bytes: this.#bytes.subarray(start, start + length), destination: this.endpoint(index) };
  }
}

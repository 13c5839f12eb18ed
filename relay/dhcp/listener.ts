import { BatchSocket } from "../net/batch-socket.ts";
import type { Service } from "./inbox.ts";
import type { Destination } from "./outcome.ts";

export type ListenerOptions = {
  readonly device: string;
  /** Which port each service is on. */
  readonly ports: Partial<Record<Service, number>>;
  /** `bytes` are another datagram's as soon as this returns. */
  readonly onDatagram: (bytes: Uint8Array, service: Service, source: Destination) => void;
  readonly onError: (error: unknown, message: string) => void;
};

/**
 * The sockets of an interface. One that goes away takes its sockets' meaning
 * with it, also when another comes back under its name: whoever owns this
 * makes another then.
 */
export class Listener {
  readonly #options: ListenerOptions;
  #sockets: Partial<Record<Service, BatchSocket>> = {};

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** @throws NetError when a socket cannot be had */
  start(): void {
    const { device, ports, onDatagram, onError } = this.#options;
    const sockets: Partial<Record<Service, BatchSocket>> = {};
    try {
      for (const [name, port] of Object.entries(ports)) {
        const service = name as Service;
        sockets[service] = new BatchSocket({
          device,
          port,
          onDatagram: (bytes, source) => onDatagram(bytes, service, source),
          onError,
        });
      }
    } catch (error) {
      for (const socket of Object.values(sockets)) void socket.close();
      throw error;
    }
    this.#sockets = sockets;
  }

  async stop(): Promise<void> {
    const sockets = Object.values(this.#sockets);
    this.#sockets = {};
    await Promise.all(sockets.map((socket) => socket.close()));
  }

  /** Takes a copy of a datagram for the next `flush`; false if there is no socket. */
  send(service: Service, bytes: Uint8Array, destination: Destination): boolean {
    const socket = this.#sockets[service];
    if (socket === undefined) return false;
    socket.send(bytes, destination);
    return true;
  }

  /** Hands what was taken to the kernel. */
  flush(): void {
    this.#sockets.dhcp?.flush();
    this.#sockets.boot?.flush();
  }
}

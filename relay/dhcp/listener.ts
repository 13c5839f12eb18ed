import type { Socket } from "node:dgram";
import { once } from "node:events";
import { openDeviceSocket } from "../net/device-socket.ts";
import type { Service } from "./inbox.ts";
import type { Destination } from "./outcome.ts";

export type ListenerOptions = {
  readonly device: string;
  /** Which port each service is on. */
  readonly ports: Partial<Record<Service, number>>;
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
  #sockets: Partial<Record<Service, Socket>> = {};

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** @throws NetError when a socket cannot be had */
  start(): void {
    const { device, ports, onDatagram, onError } = this.#options;
    const sockets: Partial<Record<Service, Socket>> = {};
    try {
      for (const [name, port] of Object.entries(ports)) {
        const service = name as Service;
        const socket = openDeviceSocket({ device, port });
        sockets[service] = socket;
        socket.on("message", (bytes, source) => onDatagram(bytes, service, source));
        socket.on("error", (error) => onError(error, "the socket failed"));
      }
    } catch (error) {
      for (const socket of Object.values(sockets)) socket.close();
      throw error;
    }
    this.#sockets = sockets;
  }

  async stop(): Promise<void> {
    const sockets = Object.values(this.#sockets);
    this.#sockets = {};
    await Promise.all(
      sockets.map((socket) => {
        const closed = once(socket, "close");
        socket.close();
        return closed;
      }),
    );
  }

  /** Hands a datagram to the kernel; false if there is no socket. */
  send(service: Service, bytes: Uint8Array, { address, port }: Destination): boolean {
    const socket = this.#sockets[service];
    if (socket === undefined) return false;
    socket.send(bytes, port, address, this.#sent);
    return true;
  }

  readonly #sent = (error: Error | null): void => {
    if (error) this.#options.onError(error, "a reply could not be sent");
  };
}

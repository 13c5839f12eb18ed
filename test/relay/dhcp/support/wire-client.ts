import type { Socket } from "node:dgram";
import { once } from "node:events";
import type { Mac } from "../../../../core/addresses.ts";
import {
  decode,
  type DhcpPacket,
  encode,
  getU8,
  MESSAGE_TYPE,
  OPTION,
} from "../../../../core/dhcp-packet/index.ts";
import { openDeviceSocket } from "../../../../relay/net/device-socket.ts";
import { type ClientMessage, discover, request } from "./client-packets.ts";

/** Any number of DHCP clients on the loopback, broadcasting. */
export class WireClient {
  readonly #socket: Socket;
  readonly #serverPort: number;
  readonly #waiting = new Map<number, (reply: DhcpPacket) => void>();
  #xid = 1;

  constructor(ports: { readonly server: number; readonly client: number }) {
    this.#serverPort = ports.server;
    this.#socket = openDeviceSocket({ device: "lo", port: ports.client });
    this.#socket.on("message", (data) => {
      const reply = decode(data);
      this.#waiting.get(reply.xid)?.(reply);
    });
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array, address = "255.255.255.255"): void {
    this.#socket.send(bytes, this.#serverPort, address);
  }

  /** Sends a packet under a number of its own; the reply, or `undefined` if none comes in time. */
  async ask(packet: DhcpPacket, timeoutMs = 250, address?: string): Promise<DhcpPacket | undefined> {
    const xid = this.#xid++;
    const { promise, resolve } = Promise.withResolvers<DhcpPacket | undefined>();
    const timer = setTimeout(resolve, timeoutMs, undefined);
    this.#waiting.set(xid, resolve);
    this.send(encode({ ...packet, xid }), address);
    const reply = await promise;
    clearTimeout(timer);
    this.#waiting.delete(xid);
    return reply;
  }

  /** DISCOVER to ACK, repeated from the start until it succeeds: the address acknowledged. */
  async lease(mac: Mac, server: string, parts: ClientMessage = {}): Promise<string> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const offer = await this.ask(discover({ ...parts, mac }));
      if (offer === undefined) continue;
      const reply = await this.ask(request(offer.yiaddr, server, { ...parts, mac }));
      if (reply !== undefined && getU8(reply, OPTION.MESSAGE_TYPE) === MESSAGE_TYPE.ACK) return reply.yiaddr;
    }
    throw new Error(`no lease for ${mac}`);
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
  }
}

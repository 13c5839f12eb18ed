import { createSocket, type Socket } from "node:dgram";
import type { Ipv4 } from "../../core/addresses.ts";

/** Enough for a rack that powers on at once; the kernel caps it silently. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/**
 * Opens a UDP socket bound to `address`, so that what it sends leaves from
 * there; port 0 takes a free one.
 *
 * @throws the error of `bind`
 */
export function openSocket(address: Ipv4, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({
      type: "udp4",
      recvBufferSize: RECEIVE_BUFFER_BYTES,
      // Addresses are never names here: answering at once lets `send` reach the kernel synchronously.
      lookup: (hostname, _options, callback) => callback(null, hostname, 4),
    });
    const fail = (error: Error) => {
      socket.close();
      reject(error);
    };
    socket.once("error", fail);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off("error", fail);
      resolve(socket);
    });
  });
}

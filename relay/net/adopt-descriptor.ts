import { createSocket, type Socket } from "node:dgram";
import { NetError } from "./errors.ts";

/**
 * Hands a bound UDP socket over to node:dgram, which closes it from then on.
 *
 * @throws NetError `socket-failed`
 */
export function adoptDescriptor(fd: number): Socket {
  const socket = createSocket({
    type: "udp4",
    // Destinations are dotted decimal already: skip the resolver's round through the thread pool.
    lookup: (hostname, _options, callback) => callback(null, hostname, 4),
  });
  // An error of the binding itself is emitted in the same turn, before a caller can listen.
  let bindError: Error | undefined;
  const onError = (error: Error): void => {
    bindError = error;
  };
  socket.once("error", onError);
  socket.bind({ fd, exclusive: true });
  socket.off("error", onError);
  if (bindError !== undefined) {
    throw new NetError("socket-failed", `cannot adopt the socket: ${bindError.message}`);
  }
  return socket;
}

import type { Socket } from "node:dgram";
import { getSystemErrorMessage } from "node:util";
import { adoptDescriptor } from "./adopt-descriptor.ts";
import { NetError } from "./errors.ts";
import { noSuchInterface } from "./interfaces.ts";
import {
  allowBroadcast,
  bindAnyAddress,
  bindToDevice,
  closeDescriptor,
  ERRNO,
  openDatagramSocket,
} from "./libc.ts";
import { findPortHolders } from "./port-holder.ts";

/** Holds what a flood brings while something else has the processor; the kernel grants at most net.core.rmem_max. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Linux's IFNAMSIZ is 16 with the terminating zero. */
const MAX_DEVICE_NAME_LENGTH = 15;

export type DeviceSocketOptions = {
  /** The network device, e.g. `eth1`: what arrives on another one is not seen. */
  readonly device: string;
  readonly port: number;
};

/**
 * Opens a bound UDP socket that receives and sends, broadcasts included, on
 * one network device only: two interfaces of a relay never hear each other's
 * clients, and a reply to 255.255.255.255 leaves where the question came in.
 *
 * node:dgram cannot name a device, so the socket is made by libc and handed
 * over. It is bound without SO_REUSEADDR on purpose: with it, a second server
 * on the same device and port would silently take half of the datagrams.
 * Sockets bound to other devices do not collide.
 *
 * @throws NetError `no-such-interface`, `permission-denied`, `port-in-use`, `socket-failed`
 */
export function openDeviceSocket(options: DeviceSocketOptions): Socket {
  return openWithDescriptor(options).socket;
}

/**
 * The same, with the descriptor underneath, which lives until the socket is closed.
 *
 * @throws NetError as `openDeviceSocket`
 */
export function openWithDescriptor({ device, port }: DeviceSocketOptions): {
  readonly socket: Socket;
  readonly fd: number;
} {
  const opened = openDatagramSocket();
  if (!opened.ok) throw failure("open a UDP socket", opened.errno);
  const fd = opened.value;
  try {
    const broadcast = allowBroadcast(fd);
    if (!broadcast.ok) throw failure("allow broadcasts", broadcast.errno);
    confine(fd, device);
    const bound = bindAnyAddress(fd, port);
    if (!bound.ok) throw bindFailure(device, port, bound.errno);
    return { socket: adopt(fd), fd };
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

function confine(fd: number, device: string): void {
  const confined =
    device === "" || device.length > MAX_DEVICE_NAME_LENGTH
      ? { ok: false as const, errno: ERRNO.ENODEV }
      : bindToDevice(fd, device);
  if (confined.ok) return;
  if (confined.errno === ERRNO.ENODEV) throw noSuchInterface(device);
  if (confined.errno === ERRNO.EPERM) {
    throw new NetError(
      "permission-denied",
      `not permitted to bind a socket to ${device}: Linux before 5.7 demands CAP_NET_RAW for it (systemd: AmbientCapabilities=CAP_NET_RAW)`,
    );
  }
  throw failure(`bind a socket to ${device}`, confined.errno);
}

function bindFailure(device: string, port: number, errno: number): NetError {
  if (errno === ERRNO.EACCES || errno === ERRNO.EPERM) {
    return new NetError(
      "permission-denied",
      `not permitted to bind UDP port ${port} on ${device}: ports below 1024 need CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE; by hand: setcap cap_net_bind_service+ep on the node binary, or root)`,
    );
  }
  if (errno === ERRNO.EADDRINUSE) {
    const holders = findPortHolders(port).map(({ pid, command }) => `${command} (pid ${pid})`);
    const holder =
      holders.length === 0 ? "another process, not visible to this user," : holders.join(" and ");
    return new NetError(
      "port-in-use",
      `UDP port ${port} on ${device} is held by ${holder}: stop it, or take ${device} out of its configuration or of ours`,
    );
  }
  return failure(`bind UDP port ${port} on ${device}`, errno);
}

function failure(what: string, errno: number): NetError {
  return new NetError("socket-failed", `cannot ${what}: ${getSystemErrorMessage(-errno)}`);
}

function adopt(fd: number): Socket {
  const socket = adoptDescriptor(fd);
  socket.setBroadcast(true);
  socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  return socket;
}

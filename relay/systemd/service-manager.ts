import { getSystemErrorMessage } from "node:util";
import type { Logger } from "pino";
import { closeDescriptor, encodeUnixAddress, openUnixDatagramSocket, sendTo } from "../net/libc.ts";

/**
 * systemd, where it started this process and waits to hear of it
 * (`Type=notify`, `WatchdogSec=`); elsewhere nobody is told anything.
 */
export type ServiceManager = {
  /** The service answers. From here on the watchdog hears of it, as long as the event loop turns. */
  ready(): void;
  /** It ends, and may take a while. */
  stopping(): void;
};

/**
 * Reads what systemd says in the environment: `NOTIFY_SOCKET` (sd_notify(3)),
 * `WATCHDOG_USEC` and `WATCHDOG_PID` (sd_watchdog_enabled(3)).
 *
 * @param log is told what could not be sent: systemd would end a service that it does not hear of
 */
export function connectServiceManager(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
  log: Pick<Logger, "error">,
): ServiceManager {
  const path = env["NOTIFY_SOCKET"];
  if (path === undefined || path === "") return { ready: () => undefined, stopping: () => undefined };

  const notify = (message: string): void => {
    const errno = sendDatagram(path, message);
    if (errno !== 0) log.error({ reason: getSystemErrorMessage(-errno), path }, "systemd cannot be told");
  };
  return {
    ready() {
      notify("READY=1");
      const intervalMs = watchdogIntervalMs(env, pid);
      if (intervalMs !== undefined) setInterval(() => notify("WATCHDOG=1"), intervalMs).unref();
    },
    stopping: () => notify("STOPPING=1"),
  };
}

/** Half of the time after which systemd gives a service up, as sd_watchdog_enabled(3) advises. */
function watchdogIntervalMs(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const { WATCHDOG_USEC: microseconds, WATCHDOG_PID: whose } = env;
  if (microseconds === undefined || !/^[1-9]\d*$/.test(microseconds)) return undefined;
  return whose === undefined || whose === String(pid) ? Number(microseconds) / 2_000 : undefined;
}

/** Returns 0, or the error number. node:dgram has no sockets of this family. */
function sendDatagram(path: string, text: string): number {
  const socket = openUnixDatagramSocket();
  if (!socket.ok) return socket.errno;
  try {
    const bytes = Buffer.from(text);
    return sendTo(socket.value, bytes, bytes.length, encodeUnixAddress(path));
  } finally {
    closeDescriptor(socket.value);
  }
}

import { randomInt } from "node:crypto";
import type { Ipv4 } from "../../core/addresses.ts";
import type { EventSink } from "../../core/relay-protocol/events.ts";
import type { DhcpActiveConfig } from "../config/model.ts";
import type { InterfaceInfo } from "../net/interfaces.ts";
import type { DhcpLog } from "./log.ts";
import { findOtherServers } from "./other-servers.ts";

export type ServerWatchOptions = {
  readonly mode: "server" | "proxy" | "auto";
  readonly config: Pick<Exclude<DhcpActiveConfig, { mode: "refused" }>, "port" | "clientPort">;
  readonly interface: InterfaceInfo;
  /** Another server was seen. */
  readonly onServer: (server: Ipv4) => void;
  readonly onEvent: EventSink;
  readonly onError: (error: unknown, message: string) => void;
  readonly log: DhcpLog;
  readonly now: () => number;
};

/** How often it is asked, with a tenth of jitter: relays started by one power cut shall not ask as one. */
const INTERVAL_MS = 10 * 60_000;

/** While a proxy waits for the server that it is a proxy beside. */
const WAITING_INTERVAL_MS = 15_000;

/** A server is told of again after so long. */
const TELL_AGAIN_MS = 60 * 60_000;

/** Servers remembered: a forger can name many. */
const MAX_SERVERS = 64;

/** Looks out for other DHCP servers on an interface's wire: at the start, and from time to time. */
export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #toldAt = new Map<Ipv4, number>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #warned = false;

  constructor(options: ServerWatchOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Another server was seen: by a probe, or by what a client said to it. */
  note(server: Ipv4): void {
    const { mode, interface: info, onServer, onEvent, log, now } = this.#options;
    onServer(server);
    const at = now();
    if (at < (this.#toldAt.get(server) ?? -Infinity) + TELL_AGAIN_MS) return;
    if (this.#toldAt.size >= MAX_SERVERS) this.#toldAt.delete(this.#toldAt.keys().next().value!);
    this.#toldAt.delete(server);
    this.#toldAt.set(server, at);
    onEvent({
      mac: null,
      stage: "dhcp",
      name: "other-server",
      detail: { address: server, interface: info.name },
    });
    const fields = { interface: info.name, server };
    if (mode !== "server") log.info(fields, "the DHCP server that this relay is a proxy beside");
    else {
      log.warn(
        fields,
        "another DHCP server answers here: its clients may not get what they shall boot; stop it, or use mode: proxy",
      );
    }
  }

  async #look(): Promise<void> {
    const { config, interface: info, onError, log } = this.#options;
    let found = 0;
    try {
      const answer = await findOtherServers({
        interface: info,
        port: config.port,
        clientPort: config.clientPort,
        own: [info.address, ...info.others.map(({ address }) => address)],
        xid: randomInt(2 ** 32 - 1),
        onServer: (server) => this.note(server),
      });
      if (answer.kind === "heard") found = answer.servers.length;
      else {
        found = this.#toldAt.size;
        log.debug(
          { interface: info.name },
          "the DHCP client port is taken: other servers cannot be looked for",
        );
      }
    } catch (error) {
      onError(error, "other DHCP servers cannot be looked for");
    }
    if (this.#stopped) return;
    this.#warnIfAlone(found);
    const isWaiting = this.#options.mode !== "server" && this.#toldAt.size === 0;
    const interval = isWaiting ? WAITING_INTERVAL_MS : INTERVAL_MS;
    this.#timer = setTimeout(() => void this.#look(), interval + randomInt(interval / 10)).unref();
  }

  #warnIfAlone(found: number): void {
    const { mode, interface: info, log } = this.#options;
    if (mode === "server" || found > 0 || this.#toldAt.size > 0 || this.#warned) return;
    this.#warned = true;
    log.warn(
      { interface: info.name, mode },
      mode === "auto"
        ? "no DHCP server answers here, so nothing is answered until one does: use mode: server to give addresses"
        : "no DHCP server answers here, and a proxy gives no addresses: use mode: server for that",
    );
  }
}

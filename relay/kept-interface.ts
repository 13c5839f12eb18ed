import type { Logger } from "pino";

import { DhcpConfigError } from "./dhcp/errors.ts";
import type { Subnet } from "./dhcp/subnet.ts";
import type { HttpListener } from "./http/server.ts";
import type { InterfaceServices } from "./interface-services.ts";
import { NetError } from "./net/errors.ts";
import type { InterfaceInfo } from "./net/interfaces.ts";

export type KeptInterfaceOptions = {
  readonly name: string;
  /** @throws NetError `no-such-interface`, `no-address` while it cannot be served */
  readonly read: (name: string) => InterfaceInfo;
  readonly createServices: (info: InterfaceInfo) => InterfaceServices;
  /** It is wholly served (again). */
  readonly onServed: () => void;
  readonly log: Logger;
  /** Milliseconds, of any epoch. */
  readonly now: () => number;
};

/** How often it is looked whether the interface is still the same. */
const LOOK_MS = 1000;

/** How often what could not be started is tried again: a port may have been given up. */
const RETRY_MS = 10_000;

/**
 * One configured interface, served whenever it is there: an interface that
 * comes late, goes, comes back or gets another address is no concern of the
 * others, and needs no restart.
 */
export class KeptInterface {
  readonly #options: KeptInterfaceOptions;
  #services: InterfaceServices | undefined;
  /** The interface as the services were made for it. */
  #seen: InterfaceInfo | undefined;
  /** Whether all of its services run, with what is configured now. */
  #isWhole = false;
  /** Why it is not, or not wholly, served. */
  #failure: { readonly error: unknown; readonly retryAt: number } | undefined;
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: KeptInterfaceOptions) {
    this.#options = options;
  }

  /** Where HTTP is answered just now. */
  get http(): HttpListener | undefined {
    return this.#services?.http;
  }

  /** Why it is not, or not wholly, served just now, in a sentence. */
  get failure(): string | undefined {
    const error = this.#failure?.error;
    return error instanceof Error ? error.message : undefined;
  }

  /** TFTP transfers under way. */
  get transfers(): number {
    return this.#services?.transfers ?? 0;
  }

  /** The networks that addresses are given in just now; `undefined` while DHCP is not served. */
  get subnets(): readonly Subnet[] | undefined {
    return this.#services?.subnets;
  }

  /** Serves it if that can be, and looks after it from then on; returns why it is not served. */
  async start(): Promise<unknown> {
    await this.#look();
    return this.#failure?.error;
  }

  /** Serves DHCP anew, as it is configured now; HTTP and TFTP go on meanwhile. */
  async renewDhcp(): Promise<void> {
    await this.#looking;
    clearTimeout(this.#timer);
    await this.#services?.endDhcp();
    this.#isWhole = false;
    this.#failure = undefined;
    await this.#look();
  }

  async stop(cut: AbortSignal): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
    await this.#services?.stop(cut);
  }

  async #look(): Promise<void> {
    this.#looking = this.#attend();
    await this.#looking;
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#look(), LOOK_MS).unref();
  }

  async #attend(): Promise<void> {
    const { name, read, createServices, log } = this.#options;
    let info: InterfaceInfo;
    try {
      info = read(name);
    } catch (error) {
      const isAway = error instanceof NetError && error.code !== "socket-failed";
      if (isAway) await this.#end("the interface is gone: nothing is answered there until it is back");
      this.#fail(error, 0);
      return;
    }
    if (this.#seen !== undefined && !isSame(this.#seen, info)) {
      await this.#end("the interface has changed: it is served anew");
    }
    if (this.#services === undefined) {
      this.#services = createServices(info);
      this.#seen = info;
      this.#failure = undefined;
    } else if (this.#isWhole || this.#options.now() < (this.#failure?.retryAt ?? 0)) return;
    try {
      await this.#services.start();
      this.#isWhole = true;
      this.#failure = undefined;
      log.info({ interface: name, address: info.address }, "the interface is served");
      this.#options.onServed();
    } catch (error) {
      // What is configured does not change; what holds a port may.
      this.#fail(error, error instanceof DhcpConfigError ? Infinity : RETRY_MS);
    }
  }

  async #end(message: string): Promise<void> {
    if (this.#services === undefined) return;
    this.#options.log.error({ interface: this.#options.name }, message);
    await this.#services.stop(AbortSignal.abort());
    this.#services = undefined;
    this.#seen = undefined;
    this.#isWhole = false;
  }

  /** Told once, and again when it is something else. */
  #fail(error: unknown, retryMs: number): void {
    const { name, log, now } = this.#options;
    const earlier = this.#failure?.error;
    this.#failure = { error, retryAt: now() + retryMs };
    if (earlier instanceof Error && error instanceof Error && earlier.message === error.message) return;
    log.error({ interface: name, err: error }, "the interface cannot be served; others go on");
  }
}

/** An interface that was made anew under its name has another number, and its sockets are dead. */
function isSame(a: InterfaceInfo, b: InterfaceInfo): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

import type { Logger } from "pino";

import type { InterfaceConfig, RelayConfig } from "./config/model.ts";
import { noStats } from "./dhcp/server-stats.ts";
import type { Subnet } from "./dhcp/subnet.ts";
import type { HttpListener } from "./http/server.ts";
import {
  createInterfaceServices,
  type InterfaceCounts,
  type InterfaceServicesOptions,
  type InterfaceSettings,
} from "./interface-services.ts";
import type { InterfaceView } from "./interface-view.ts";
import { KeptInterface } from "./kept-interface.ts";
import { readInterface } from "./net/interfaces.ts";
import { noTftpCounts } from "./tftp/counts.ts";

/** What of the configuration concerns the interfaces. */
export type InterfacesConfig = Pick<RelayConfig, "interfaces" | "tftp" | "http" | "bootFiles">;

export type ServedInterfacesOptions = {
  readonly shared: Omit<InterfaceServicesOptions, "settings" | "counts" | "info">;
  /** One of them is wholly served (again). */
  readonly onServed: () => void;
  readonly log: Logger;
};

type Served = {
  readonly kept: KeptInterface;
  readonly counts: InterfaceCounts;
  settings: InterfaceSettings;
};

/** All configured interfaces, each looked after by itself. */
export class ServedInterfaces {
  readonly #options: ServedInterfacesOptions;
  readonly #served = new Map<string, Served>();

  constructor(options: ServedInterfacesOptions) {
    this.#options = options;
  }

  /** @throws what is wrong with the first interface if none is served: then it is the configuration that is wrong */
  async start(config: InterfacesConfig): Promise<void> {
    const failures: unknown[] = [];
    for (const each of config.interfaces) {
      const failure = await this.#add(each, config);
      if (failure !== undefined) failures.push(failure);
    }
    if (failures.length === config.interfaces.length) throw failures[0];
  }

  /**
   * Serves what is configured now. Where DHCP is to be otherwise it is started
   * anew; HTTP and TFTP go on, but on interfaces that are named no more.
   *
   * @param cut what is under way on those may go on until this aborts
   */
  async reconfigure(config: InterfacesConfig, cut: AbortSignal): Promise<void> {
    const wanted = new Map(config.interfaces.map((each) => [each.name, each]));
    for (const [name, { kept }] of this.#served) {
      if (wanted.has(name)) continue;
      this.#served.delete(name);
      await kept.stop(cut);
    }
    for (const each of config.interfaces) {
      const served = this.#served.get(each.name);
      if (served === undefined) {
        await this.#add(each, config);
        continue;
      }
      const before = served.settings;
      served.settings = settingsOf(each, config);
      if (!isSame(before, served.settings)) await served.kept.renewDhcp();
    }
  }

  async stop(cut: AbortSignal): Promise<void> {
    await Promise.all([...this.#served.values()].map(({ kept }) => kept.stop(cut)));
  }

  /** Where HTTP is answered just now. */
  get http(): readonly HttpListener[] {
    return [...this.#served.values()].flatMap(({ kept }) => kept.http ?? []);
  }

  /** All networks that addresses are given in; `undefined` while an interface is not served. */
  get subnets(): readonly Subnet[] | undefined {
    const all = [...this.#served.values()].map(({ kept }) => kept.subnets);
    return all.length === 0 || all.includes(undefined) ? undefined : all.flatMap((subnets) => subnets ?? []);
  }

  views(): readonly InterfaceView[] {
    return [...this.#served].map(([name, { kept, counts, settings }]) => ({
      name,
      mode: settings.dhcp.mode,
      failure: kept.failure,
      http: kept.http,
      subnets: kept.subnets,
      transfers: kept.transfers,
      ...counts,
    }));
  }

  /** Returns why it is not served. */
  #add(each: InterfaceConfig, config: InterfacesConfig): Promise<unknown> {
    const { shared, onServed, log } = this.#options;
    const counts = { dhcp: noStats(), tftp: noTftpCounts() };
    const kept = new KeptInterface({
      name: each.name,
      read: readInterface,
      createServices: (info) =>
        createInterfaceServices({ ...shared, counts, settings: () => served.settings, info }),
      onServed,
      log,
      now: () => performance.now(),
    });
    const served: Served = { kept, counts, settings: settingsOf(each, config) };
    this.#served.set(each.name, served);
    return kept.start();
  }
}

function settingsOf(
  { dhcp }: InterfaceConfig,
  { tftp, http, bootFiles }: InterfacesConfig,
): InterfaceSettings {
  return { dhcp, tftp, http, bootFiles };
}

/** Rates are nothing that DHCP goes by. */
function isSame(a: InterfaceSettings, b: InterfaceSettings): boolean {
  return JSON.stringify([a.dhcp, a.bootFiles]) === JSON.stringify([b.dhcp, b.bootFiles]);
}

import type { Ipv4 } from "../../core/addresses.ts";
import { type BootFileChoice, chooseBootFile } from "../../core/pxe/boot-file.ts";
import type { BootFiles } from "../../core/relay-protocol/state.ts";
import type { DhcpClient } from "./client.ts";
import { LoopGuard } from "./loop-guard.ts";
import type { Reservations, SiteReader } from "./reservations.ts";

/** What a client is told to boot, or why nothing. */
export type BootDirection =
  | Exclude<BootFileChoice, { readonly kind: "none" }>
  | {
      readonly kind: "none";
      readonly reason: Extract<BootFileChoice, { kind: "none" }>["reason"] | "boot-loop";
    };

export type BootDirectionsOptions = {
  readonly serverAddress: Ipv4;
  readonly httpPort: number;
  /** As configured; the site's and the machine's own come before them. */
  readonly bootFiles: BootFiles;
  readonly available: (file: string) => boolean;
  readonly site: SiteReader;
  readonly reservations: Reservations;
};

/** Tells clients what to boot. */
export class BootDirections {
  readonly #options: BootDirectionsOptions;
  readonly #httpBase: string;
  readonly #guard = new LoopGuard();

  constructor(options: BootDirectionsOptions) {
    this.#options = options;
    this.#httpBase = `http://${options.serverAddress}:${options.httpPort}`;
  }

  choose(client: DhcpClient, now: number): BootDirection {
    const { bootFiles, available, site, reservations } = this.#options;
    const override = reservations.machine(client.mac, client.boot.uuid)?.bootFiles;
    const choice = chooseBootFile({
      client: client.boot,
      bootFiles: { ...bootFiles, ...site()?.site.bootFiles },
      available,
      ...(override !== undefined && { override }),
      scriptUrl: `${this.#httpBase}/boot.ipxe`,
      httpBase: this.#httpBase,
    });
    return isBootFile(choice) && this.#guard.isLooping(client.mac, now)
      ? { kind: "none", reason: "boot-loop" }
      : choice;
  }

  /** A client was acknowledged with this direction, and follows it. */
  followed(client: DhcpClient, direction: BootDirection, now: number): void {
    if (isBootFile(direction)) this.#guard.loaded(client.mac, now);
    else if (direction.kind === "script" || client.boot.kind === "other") this.#guard.arrived(client.mac);
  }
}

function isBootFile({ kind }: BootDirection): boolean {
  return kind === "file" || kind === "url";
}

import type { Logger } from "pino";

import { findReservationProblems } from "./dhcp/reservation-problems.ts";
import type { SiteReader } from "./dhcp/reservations.ts";
import type { Subnet } from "./dhcp/subnet.ts";

export type ReservationWatchOptions = {
  readonly site: SiteReader;
  /** All networks that the relay gives addresses in; `undefined` while an interface with some is away. */
  readonly subnets: () => readonly Subnet[] | undefined;
  readonly log: Pick<Logger, "warn">;
};

/** Warns of reservations that cannot be kept: of each once for as long as it is so. */
export class ReservationWatch {
  readonly #options: ReservationWatchOptions;
  #told: ReadonlySet<string> = new Set();

  constructor(options: ReservationWatchOptions) {
    this.#options = options;
  }

  /** Looks; to be called when the site's machines or the interfaces have changed. */
  look(): void {
    const { site, subnets, log } = this.#options;
    const known = subnets();
    if (known === undefined) return;
    const told = new Set<string>();
    for (const problem of findReservationProblems(site()?.machines ?? [], known)) {
      const key = JSON.stringify(problem);
      told.add(key);
      if (!this.#told.has(key)) log.warn(problem, "a reservation cannot be kept");
    }
    this.#told = told;
  }
}

import type { Lab } from "../../test/support/lab/network.ts";

/** What machines of a lab boot from: one side of the comparison. */
export type BootServer = {
  readonly name: string;
  /** What the last line of its boot script prints: the script was executed. */
  readonly executed: RegExp;
  /**
   * Serves the lab's LAN, alone: DHCP, TFTP and HTTP answer once this resolves.
   *
   * @param directory for its files; empty at first, kept from one start to the next.
   */
  readonly start: (lab: Lab, directory: string) => Promise<RunningBootServer>;
};

type RunningBootServer = {
  /** After this the next server may start. */
  readonly stop: () => Promise<void>;
};

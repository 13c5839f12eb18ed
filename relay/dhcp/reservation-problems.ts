import type { Ipv4 } from "../../core/addresses.ts";
import type { RelayMachine } from "../../core/relay-protocol/state.ts";
import type { Subnet } from "./subnet.ts";

/** Why a machine does not get the address that is reserved for it. */
export type ReservationProblem = {
  /** The machine's name. */
  readonly machine: string;
  readonly address: Ipv4;
  readonly problem: string;
};

/**
 * Finds reservations that cannot be kept.
 *
 * @param subnets all networks that the relay gives addresses in; empty if it gives none
 */
export function findReservationProblems(
  machines: readonly RelayMachine[],
  subnets: readonly Pick<Subnet, "name" | "contains" | "assignable">[],
): ReservationProblem[] {
  if (subnets.length === 0) return [];
  const holders = new Map<Ipv4, string>();
  return machines.flatMap(({ name, address }): ReservationProblem[] => {
    if (address === undefined) return [];
    const problem = (text: string) => [{ machine: name, address, problem: text }];
    const holder = holders.get(address);
    // The first machine named keeps it.
    if (holder !== undefined) return problem(`it is reserved for ${holder} already`);
    holders.set(address, name);
    const subnet = subnets.find((each) => each.contains(address));
    if (subnet === undefined) {
      const names = subnets.map((each) => each.name).join(", ");
      return problem(`it lies in no network that this relay gives addresses in (${names})`);
    }
    if (subnet.assignable(address)) return [];
    return problem(`it is the relay's, router's or name server's own, or no host's in ${subnet.name}`);
  });
}

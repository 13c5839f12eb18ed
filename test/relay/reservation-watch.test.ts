import { expect, test } from "vitest";

import type { RelayMachine } from "../../core/relay-protocol/state.ts";
import { findReservationProblems } from "../../relay/dhcp/reservation-problems.ts";
import type { Subnet } from "../../relay/dhcp/subnet.ts";
import { ReservationWatch } from "../../relay/reservation-watch.ts";
import { SITE } from "./control-plane/site-state.ts";
import { CONFIG, EngineBench, machine } from "./dhcp/support/engine-bench.ts";

/** The interface's own network, and one behind a relay agent. */
const SUBNETS = new EngineBench({
  config: { ...CONFIG, subnets: [{ ...CONFIG, network: "10.20.0.0/16", ranges: [] }] },
}).context.networks.all.map(({ subnet }) => subnet);

function node(name: string, address: string): RelayMachine {
  return machine({ id: name, name, address });
}

test.each([
  ["in a network", "192.168.77.10", undefined],
  ["in one behind a relay agent", "10.20.3.4", undefined],
  [
    "outside every network",
    "192.168.78.10",
    "it lies in no network that this relay gives addresses in (192.168.77.0/24, 10.20.0.0/16)",
  ],
  [
    "the relay's own",
    "192.168.77.1",
    "it is the relay's, router's or name server's own, or no host's in 192.168.77.0/24",
  ],
  [
    "the broadcast address",
    "10.20.255.255",
    "it is the relay's, router's or name server's own, or no host's in 10.20.0.0/16",
  ],
])("a reservation %s", (_, address, problem) => {
  const problems = problem === undefined ? [] : [{ machine: "node-1", address, problem }];
  expect(findReservationProblems([node("node-1", address)], SUBNETS)).toEqual(problems);
});

test("a reservation that is somebody else's already", () => {
  const machines = [node("node-1", "192.168.77.10"), node("node-2", "192.168.77.10")];
  expect(findReservationProblems(machines, SUBNETS)).toEqual([
    { machine: "node-2", address: "192.168.77.10", problem: "it is reserved for node-1 already" },
  ]);
});

test("a relay that gives no addresses has nothing to say of reservations", () => {
  expect(findReservationProblems([node("node-1", "192.168.78.10")], [])).toEqual([]);
});

test("is told once for as long as it is so, and not before all networks are known", () => {
  const warned: unknown[] = [];
  const relay: { subnets?: readonly Subnet[] } = {};
  let machines = [node("node-1", "192.168.78.10")];
  const watch = new ReservationWatch({
    site: () => ({ site: SITE, machines }),
    subnets: () => relay.subnets,
    log: { warn: (problem: { address?: string }) => void warned.push(problem.address) },
  });
  watch.look();
  expect(warned).toEqual([]);
  relay.subnets = SUBNETS;
  watch.look();
  watch.look();
  expect(warned).toEqual(["192.168.78.10"]);
  machines = [...machines, node("node-2", "192.168.79.10")];
  watch.look();
  expect(warned).toEqual(["192.168.78.10", "192.168.79.10"]);
  machines = [];
  watch.look();
  machines = [node("node-1", "192.168.78.10")];
  watch.look();
  expect(warned).toEqual(["192.168.78.10", "192.168.79.10", "192.168.78.10"]);
});

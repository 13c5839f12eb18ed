import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { encode } from "../../../core/dhcp-packet/index.ts";
import type { BootEventInput } from "../../../core/relay-protocol/events.ts";
import { EventBudget } from "../../../relay/dhcp/event-budget.ts";
import { Exchange } from "../../../relay/dhcp/exchange.ts";
import { noStats } from "../../../relay/dhcp/server-stats.ts";
import { discover, MAC, OTHER_MAC } from "./support/client-packets.ts";
import { EngineBench } from "./support/engine-bench.ts";
import { handle } from "../../../relay/dhcp/engine.ts";

const NOW = 1_800_000_000_000;

describe("the budget of events", () => {
  it("is spent by a burst, and comes back slowly", () => {
    const budget = new EventBudget();
    const taken = (now: number): number => {
      let count = 0;
      while (count < 20_000 && budget.take(now)) count += 1;
      return count;
    };
    expect(taken(NOW)).toBe(10_000);
    expect(taken(NOW)).toBe(0);
    expect(taken(NOW + 1000)).toBe(100);
    expect(taken(NOW)).toBe(0);
    expect(taken(NOW + 3_600_000)).toBe(10_000);
  });

  it("bounds what a flood of strangers tells, and never what a known machine does", async () => {
    const bench = new EngineBench();
    const stats = noStats();
    const events: BootEventInput[] = [];
    const known = encode(discover({ mac: OTHER_MAC }));
    const exchange = new Exchange({
      device: "eth1",
      handle: (packet) => handle(packet, bench.context, NOW),
      isKnown: (bytes) => bytes[33] === known[33],
      leases: bench.leases,
      send: () => true,
      flush: () => undefined,
      stats,
      onEvent: (event) => events.push(event),
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      now: () => NOW,
    });
    const stranger = encode(discover({ mac: MAC }));
    for (let i = 0; i < 12_000; i++) {
      exchange.receive(stranger, "dhcp", { address: "0.0.0.0", port: 68 });
      if (i % 32 === 0) await turn();
    }
    exchange.receive(known, "dhcp", { address: "0.0.0.0", port: 68 });
    await turn();
    await turn();
    expect(stats.offered).toBe(12_001);
    expect(stats.untold).toBe(2000);
    expect(events).toHaveLength(10_001);
    expect(events.at(-1)).toMatchObject({ name: "offered", mac: OTHER_MAC });
    expect(stats.overflowed).toBe(0);
  });
});

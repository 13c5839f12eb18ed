import { describe, expect, it } from "vitest";
import type { BootEventInput } from "../../../core/relay-protocol/events.ts";
import { SampledEvents } from "../../../relay/dhcp/sampled-events.ts";
import { MAC } from "./support/client-packets.ts";

describe("SampledEvents", () => {
  it("tells with the next event how many there were since the last", () => {
    const events: BootEventInput[] = [];
    const sampled = new SampledEvents((event) => events.push(event));
    const told = [0, 1, 59_999, 60_000].map((now) => sampled.report("ignored", "relayed", MAC, now));
    expect(told).toEqual([true, false, false, true]);
    expect(events.map(({ detail }) => detail)).toEqual([
      { reason: "relayed", count: 1 },
      { reason: "relayed", count: 3 },
    ]);
  });

  it("does not grow, nor tell, with every made-up machine", () => {
    let told = 0;
    const sampled = new SampledEvents(() => (told += 1));
    for (let i = 0; i < 100_000; i++)
      sampled.report("pool-exhausted", "pool-exhausted", `made up ${i}`, i % 50);
    expect(told).toBe(1025);
    sampled.report("pool-exhausted", "pool-exhausted", "new after a while", 70_000);
    expect(told).toBe(1026);
  });
});

import { describe, expect, it } from "vitest";
import { decode, type DhcpPacket, encode } from "../../../core/dhcp-packet/index.ts";
import { Inbox } from "../../../relay/dhcp/inbox.ts";
import { discover, renew } from "./support/client-packets.ts";

const source = { address: "0.0.0.0", port: 68 };

function inboxOf(packets: readonly DhcpPacket[]): Inbox {
  const inbox = new Inbox();
  for (const packet of packets) inbox.push({ bytes: encode(packet), service: "dhcp", source });
  return inbox;
}

const numbered = (xid: number): DhcpPacket => discover({ fields: { xid } });
const xids = (taken: ReturnType<Inbox["takeAll"]>): number[] =>
  taken.arrivals.map(({ bytes }) => decode(bytes).xid);
const nobody = (): boolean => false;

describe("what waits to be answered", () => {
  it("is answered in its order, REQUESTs first, while it is not much", () => {
    const inbox = inboxOf([numbered(1), numbered(2), renew("192.0.2.1", { fields: { xid: 3 } })]);
    const taken = inbox.takeAll(nobody);
    expect(xids(taken)).toEqual([3, 1, 2]);
    expect(taken.dropped).toBe(0);
    expect(inbox.isEmpty).toBe(true);
  });

  it("is answered from the newest DISCOVER back when it is too much, and the oldest are dropped", () => {
    const taken = inboxOf(Array.from({ length: 100 }, (_, xid) => numbered(xid))).takeAll(nobody);
    expect(xids(taken)).toEqual(Array.from({ length: 64 }, (_, i) => 99 - i));
    expect(taken.dropped).toBe(36);
  });

  it("never drops a known machine's DISCOVER", () => {
    const inbox = inboxOf(Array.from({ length: 100 }, (_, xid) => numbered(xid)));
    const taken = inbox.takeAll((bytes) => decode(bytes).xid === 5);
    expect(xids(taken)[0]).toBe(5);
    expect(taken.dropped).toBe(35);
  });

  it("holds no more than it can answer in a moment", () => {
    const inbox = new Inbox();
    let dropped = 0;
    const bytes = encode(discover());
    for (let i = 0; i < 20_000; i++) dropped += inbox.push({ bytes, service: "dhcp", source });
    const taken = inbox.takeAll(nobody);
    expect(taken.arrivals.length + taken.dropped).toBeLessThanOrEqual(4096);
    expect(taken.arrivals.length + taken.dropped + dropped).toBe(20_000);
  });
});

import { describe, expect, it } from "vitest";
import { decode, type DhcpPacket, encode } from "../../../core/dhcp-packet/index.ts";
import { Inbox } from "../../../relay/dhcp/inbox.ts";
import { discover, renew } from "./support/client-packets.ts";

const source = { address: "0.0.0.0", port: 68 };
const nobody = (): boolean => false;

function inboxOf(packets: readonly DhcpPacket[], isKnown = nobody as (bytes: Uint8Array) => boolean): Inbox {
  const inbox = new Inbox(isKnown);
  for (const packet of packets) inbox.push({ bytes: encode(packet), service: "dhcp", source, at: 0 });
  return inbox;
}

const numbered = (xid: number): DhcpPacket => discover({ fields: { xid } });
const discovers = (count: number): DhcpPacket[] => Array.from({ length: count }, (_, xid) => numbered(xid));
const xids = (taken: ReturnType<Inbox["take"]>): number[] =>
  taken.arrivals.map(({ bytes }) => decode(bytes).xid);

describe("what waits to be answered", () => {
  it("is answered in its order, REQUESTs first, while it is not much", () => {
    const inbox = inboxOf([numbered(1), numbered(2), renew("192.0.2.1", { fields: { xid: 3 } })]);
    const taken = inbox.take(0);
    expect(xids(taken)).toEqual([3, 1, 2]);
    expect(taken.dropped).toBe(0);
    expect(inbox.isEmpty).toBe(true);
  });

  it("is answered from the newest DISCOVER back when it is too much, a part at a time", () => {
    const inbox = inboxOf(discovers(100));
    expect(xids(inbox.take(0))).toEqual(Array.from({ length: 64 }, (_, i) => 99 - i));
    expect(xids(inbox.take(0))).toEqual(Array.from({ length: 36 }, (_, i) => i));
    expect(inbox.isEmpty).toBe(true);
  });

  it("is dropped when it has waited longer than a client does", () => {
    const inbox = inboxOf(discovers(100));
    expect(inbox.take(499)).toMatchObject({ dropped: 0 });
    const again = inboxOf(discovers(100));
    expect(again.take(500)).toMatchObject({ dropped: 36 });
    expect(again.isEmpty).toBe(true);
  });

  it("puts known machines before a flood of strangers", () => {
    const inbox = inboxOf(discovers(100), (bytes) => decode(bytes).xid === 70);
    expect(xids(inbox.take(0))[0]).toBe(70);
  });

  it("puts known machines' REQUESTs before a flood of them, and drops none of theirs for it", () => {
    const flood = Array.from({ length: 5000 }, (_, xid) => renew("192.0.2.1", { fields: { xid } }));
    const inbox = inboxOf(flood, (bytes) => decode(bytes).xid === 70);
    expect(xids(inbox.take(0))[0]).toBe(70);
  });

  it("copies what it keeps: the socket's memory is the next datagram's", () => {
    const inbox = new Inbox(nobody);
    const bytes = encode(numbered(7));
    inbox.push({ bytes, service: "dhcp", source, at: 0 });
    bytes.fill(0);
    expect(xids(inbox.take(0))).toEqual([7]);
  });

  it("holds no more than it can answer in a moment", () => {
    const inbox = new Inbox(nobody);
    let dropped = 0;
    const bytes = encode(discover());
    for (let i = 0; i < 20_000; i++) dropped += inbox.push({ bytes, service: "dhcp", source, at: 0 });
    const taken = inbox.take(1000);
    expect(taken.arrivals.length + taken.dropped).toBeLessThanOrEqual(4096);
    expect(taken.arrivals.length + taken.dropped + dropped).toBe(20_000);
  });
});

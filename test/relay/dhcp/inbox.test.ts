import { describe, expect, it } from "vitest";
import { decode, type DhcpPacket, encode } from "../../../core/dhcp-packet/index.ts";
import { Inbox } from "../../../relay/dhcp/inbox.ts";
import { discover, renew } from "./support/client-packets.ts";

const source = { address: "0.0.0.0", port: 68 };
const stranger = { service: "dhcp", source, at: 0, known: false } as const;

/** @param known the number of the packet that a machine of the site sent */
function inboxOf(packets: readonly DhcpPacket[], known?: number): Inbox {
  const inbox = new Inbox();
  for (const packet of packets) {
    inbox.push({ ...stranger, bytes: encode(packet), known: packet.xid === known });
  }
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

  it("puts known machines before a flood of strangers, also one that came before it", () => {
    expect(xids(inboxOf(discovers(100), 70).take(0))[0]).toBe(70);
    expect(xids(inboxOf(discovers(100), 0).take(0))[0]).toBe(0);
  });

  it("puts known machines' REQUESTs before a flood of them, and drops none of theirs for it", () => {
    const flood = Array.from({ length: 5000 }, (_, xid) => renew("192.0.2.1", { fields: { xid } }));
    const inbox = inboxOf(flood, 70);
    expect(xids(inbox.take(0))[0]).toBe(70);
  });

  it("copies what it keeps: the socket's memory is the next datagram's", () => {
    const inbox = new Inbox();
    const bytes = encode(numbered(7));
    inbox.push({ ...stranger, bytes });
    bytes.fill(0);
    expect(xids(inbox.take(0))).toEqual([7]);
  });

  it("holds no more than it can answer in a moment", () => {
    const inbox = new Inbox();
    let dropped = 0;
    const bytes = encode(discover());
    for (let i = 0; i < 20_000; i++) dropped += inbox.push({ ...stranger, bytes });
    const taken = inbox.take(1000);
    expect(taken.arrivals.length + taken.dropped).toBeLessThanOrEqual(4096);
    expect(taken.arrivals.length + taken.dropped + dropped).toBe(20_000);
  });
});

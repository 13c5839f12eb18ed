import type { Ipv4 } from "../../core/addresses.ts";
import type { BootEventInput, EventDetail } from "../../core/relay-protocol/events.ts";
import type { BootDirection } from "./boot-directions.ts";
import type { DhcpClient } from "./client.ts";

/**
 * What a timeline tells of an answer: who asked, and what it was given.
 *
 * @param address `null` where another server gives it
 */
export function clientEvent(
  name: "offered" | "acknowledged" | "informed",
  { mac, boot }: DhcpClient,
  address: Ipv4 | null,
  direction: BootDirection,
  more: EventDetail = {},
): BootEventInput {
  return {
    mac,
    stage: "dhcp",
    name,
    detail: {
      address,
      arch: boot.arch,
      vendorClass: boot.vendorClass,
      userClass: boot.userClass.length === 0 ? null : boot.userClass.join(","),
      bootFile: direction.kind === "file" ? direction.file : direction.kind === "none" ? null : direction.url,
      client: boot.kind,
      // A boot client that is given nothing to boot: the timeline shall say why.
      ...(direction.kind === "none" && boot.kind !== "other" && { reason: direction.reason }),
      ...more,
    },
  };
}

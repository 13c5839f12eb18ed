import type { Ipv4 } from "../../core/addresses.ts";
import { attestationOf } from "../../core/boot/attestation.ts";
import type { SiteIdentity } from "./identity.ts";

/** Whether a machine that nobody observed is believed: by the site's settings, never by its own word. */
export function takesClaims(site: SiteIdentity, direct: boolean, clientIp: Ipv4 | null): boolean {
  return direct ? site.directInstall : attestationOf(site.attestation, clientIp) === "preferred";
}

import type { Ipv4, Mac } from "../../core/addresses.ts";
import { attestationOf } from "../../core/boot/attestation.ts";
import type { SiteIdentity } from "./identity.ts";

/** Which machine a request is taken to come from. */
export type Asker = {
  /** Its MAC; `null`: nobody knows. */
  readonly mac: Mac | null;
  /** That MAC, where nobody observed it. */
  readonly claimedMac: Mac | null;
  readonly unobserved: boolean;
};

/**
 * Tells who asks: whom a relay observed, else the claimed machine where the
 * site's settings believe claims, never by a machine's own word.
 *
 * @param direct without a relay, who would observe
 * @param claim the MAC in the path, or the one that a capability was handed out to
 */
export function tellAsker(
  site: SiteIdentity,
  direct: boolean,
  { observedMac, clientIp }: { readonly observedMac: Mac | null; readonly clientIp: Ipv4 | null },
  claim: Mac | null,
): Asker {
  if (!direct && observedMac !== null) return { mac: observedMac, claimedMac: null, unobserved: false };
  const takesClaims = direct ? site.directInstall : attestationOf(site.attestation, clientIp) === "preferred";
  const claimedMac = takesClaims ? claim : null;
  return { mac: claimedMac, claimedMac, unobserved: true };
}

import type { Variables } from "../../core/boot/model.ts";
import type { SiteSettings } from "../schemas.ts";
import type { SiteMachine } from "./machines.ts";
import type { Pinned } from "./pinned.ts";

/** Who a SiteObject is; pushed by the API whenever the site's document changes. */
export type SiteIdentity = { readonly id: string; readonly name: string } & SiteSettings;

/** Every variable level of a boot, weakest first. */
export function variableLevels(site: SiteIdentity, pinned: Pinned, machine: SiteMachine): Variables[] {
  return [site.variables, pinned.profile.document.variables ?? {}, machine.variables, pinned.variables];
}

import type { Variables } from "../../core/boot/model.ts";
import type { VariableLevel } from "../../core/render/explain.ts";
import type { SiteSettings } from "../schemas/site.ts";
import type { SiteMachine } from "./machines.ts";
import type { Pinned } from "./pinned.ts";

/** Who a SiteObject is; pushed by the API whenever the site's document changes. */
export type SiteIdentity = { readonly id: string; readonly name: string } & SiteSettings;

/** What brings variables of its own to a boot. */
export type Variabled = Pick<Pinned, "variables"> & {
  readonly profile: { readonly document: { readonly variables?: Variables } };
};

/** Every variable level of a boot, weakest first. */
export function variableLevels(site: SiteIdentity, pinned: Variabled, machine: SiteMachine) {
  const level = (source: VariableLevel["source"], variables: Variables | undefined) => ({
    source,
    variables: variables ?? {},
  });
  return [
    level("site", site.variables),
    level("profile", pinned.profile.document.variables),
    level("machine", machine.variables),
    level("order", pinned.variables),
  ];
}

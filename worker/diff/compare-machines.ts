import type { ProfileUse } from "../control-object/references.ts";
import { siteObject, type Env } from "../env.ts";
import type { SiteIdentity } from "../site-object/identity.ts";
import type { SiteMachine } from "../site-object/machines.ts";
import { profileOf } from "../site-object/profiles.ts";
import { compareFiles, nameChange, type Change } from "./compare.ts";
import { renderFiles, type RenderedFiles } from "./rendered-files.ts";
import type { Side } from "./side.ts";

/** A profile before and after, and by which profiles machines come to boot it. */
export type Comparison = ProfileUse & { readonly from: Side; readonly to: Side };

/** What a change does to one machine. */
export type ComparedMachine = {
  readonly site: string;
  readonly machine: { readonly id: string; readonly name: string };
  readonly profile: string;
} & ({ readonly kind: "unchanged" } | { readonly kind: "changed" | "error"; readonly change: string });

/** A page of them, what the changes are, and the cursor of the next page. */
export type ComparedPage = {
  readonly items: readonly ComparedMachine[];
  readonly changes: Readonly<Record<string, Change>>;
  readonly next: string | null;
};

/** How many sites a page asks at most; each is a request of its own. */
const MAX_SITES = 40;
/** How much a page renders at most before it ends with the machine it is at: of both sides, in characters. */
const MAX_RENDERED = 8 << 20;

/**
 * Compares what machines are served now with what they would be served, one
 * page of them: sites in the order of their names, machines in that of theirs.
 * Rendered here and not by the sites' objects, so that nobody's boot waits.
 */
export async function compareMachines(
  env: Env,
  comparisons: readonly Comparison[],
  sites: readonly { readonly id: string; readonly name: string }[],
  page: { readonly after: string; readonly limit: number },
): Promise<ComparedPage> {
  const items: ComparedMachine[] = [];
  const changes: Record<string, Change> = {};
  const names = [...new Set(comparisons.flatMap(({ via }) => via))];
  const [afterSite = "", afterMachine = ""] = page.after.split("/");
  const left = sites.filter(({ name }) => name >= afterSite);
  let compared = 0;
  let rendered = 0;

  for (const [index, { id, name: siteName }] of left.entries()) {
    const after = siteName === afterSite ? afterMachine : "";
    // What is after the last machine of a site, and before the next site.
    if (index === MAX_SITES) return { items, changes, next: `${siteName}/` };
    const limit = page.limit - compared;
    // One more than are taken tells whether there are more.
    const found = await siteObject(env, id).machinesBootingBy(names, { after, limit: limit + 1 });
    if (found === null) continue;
    for (const [position, machine] of found.machines.entries()) {
      for (const comparison of comparisons) {
        if (!comparison.via.includes(profileOf(found.site, machine) ?? "")) continue;
        const { item, change, size } = await compareOne(env, { machine, site: found.site }, comparison);
        items.push({ site: siteName, ...item });
        if (item.kind !== "unchanged" && change !== null) changes[item.change] ??= change;
        rendered += size;
      }
      compared += 1;
      const isLast = position === found.machines.length - 1 && index === left.length - 1;
      if (!isLast && (compared === page.limit || rendered > MAX_RENDERED)) {
        return { items, changes, next: `${siteName}/${machine.name}` };
      }
    }
  }
  return { items, changes, next: null };
}

async function compareOne(
  env: Env,
  boot: { readonly machine: SiteMachine; readonly site: SiteIdentity },
  { profile, from, to }: Comparison,
) {
  const [before, after] = [await renderFiles(env, boot, from), await renderFiles(env, boot, to)];
  const change = compareFiles(before, after);
  const { id, name } = boot.machine;
  const shown = { machine: { id, name }, profile };
  const size = sizeOf(before) + sizeOf(after);
  if (change === null) return { item: { ...shown, kind: "unchanged" as const }, change, size };
  const named = await nameChange(change, boot.machine);
  return { item: { ...shown, kind: change.kind, change: named }, change, size };
}

function sizeOf(rendered: RenderedFiles): number {
  return rendered.kind === "failed"
    ? 0
    : Object.values(rendered.files).reduce((size, text) => size + text.length, 0);
}

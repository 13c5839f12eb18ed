import { ApiError, type ApiClient } from "../api-client.ts";
import { openFileSource } from "../image/byte-source.ts";
import { inTurns } from "../in-turns.ts";
import { showProgress, showStep } from "../terminal/progress.ts";
import { uploadSource } from "../upload.ts";
import type { HashedImages } from "./image-files.ts";
import type { Plan } from "./plan.ts";
import type { SiteRemoval } from "./plan-removals.ts";
import type { SitePlan } from "./plan-site.ts";

/** A site that is as it was before, and why. */
export type FailedSite = { readonly site: string; readonly reason: string };

/**
 * Does what was planned, unless something was changed since: files of images,
 * then templates, images and profiles in one transaction, then the sites, and
 * last what is pruned. A site that fails is left as it was, and the others go on.
 *
 * @throws ApiError where nothing of a site was touched yet
 */
export async function applyPlan(api: ApiClient, plan: Plan, hashed: HashedImages): Promise<FailedSite[]> {
  await uploadFiles(api, plan.documents.missingFiles, hashed);
  if (plan.documents.put.length > 0) {
    await showStep("templates, images and profiles", () => changeDocuments(api, { put: plan.documents.put }));
  }
  const failed = await changeSites(api, plan);
  // What a site still uses must not go.
  if (failed.length === 0 && plan.documents.delete.length > 0) {
    await showStep("what is not used any more", () =>
      changeDocuments(api, { delete: plan.documents.delete }),
    );
  }
  return failed;
}

/** Each site by itself; what became of the others does not matter to one. */
async function changeSites(api: ApiClient, plan: Plan): Promise<FailedSite[]> {
  const work = [
    ...plan.sites
      .filter(({ changes }) => changes.length > 0)
      .map((site) => ({ site: site.name, change: () => applySite(api, site) })),
    ...plan.siteRemovals.map((removal) => ({
      site: removal.name,
      change: () => removeSite(api, removal),
    })),
  ];
  if (work.length === 0) return [];
  const label = work.length === 1 ? `site ${work[0]!.site}` : `${work.length} sites`;
  const failed = await showStep(label, () =>
    inTurns(work, async ({ site, change }): Promise<FailedSite[]> => {
      try {
        await change();
        return [];
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return [{ site, reason: explain(error) }];
      }
    }),
  );
  return failed.flat();
}

async function removeSite(api: ApiClient, { name, etag }: SiteRemoval): Promise<void> {
  const headers = { "if-match": etag };
  await api.request("DELETE", `/sites/${encodeURIComponent(name)}`, undefined, { headers });
}

async function changeDocuments(api: ApiClient, batch: object): Promise<void> {
  try {
    await api.request("POST", "/documents:batch", batch);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new ApiError(error.status, error.problem, explain(error), error.fields);
  }
}

/** Settings come first, as a new site has to be there; they are put back where its machines are refused. */
async function applySite(api: ApiClient, { name, settings, put, delete: deletes }: SitePlan): Promise<void> {
  const path = `/sites/${encodeURIComponent(name)}`;
  if (settings !== undefined) {
    const { after, before } = settings;
    const headers: Record<string, string> =
      before === null ? { "if-none-match": "*" } : { "if-match": before.etag };
    await api.request("PUT", path, after, { headers });
  }
  if (put.length === 0 && deletes.length === 0) return;
  try {
    await api.request("POST", `${path}/machines:batch`, { put, delete: deletes });
  } catch (error) {
    if (settings?.before === null) await api.request("DELETE", path);
    else if (settings !== undefined) await api.request("PUT", path, settings.before.document);
    throw error;
  }
}

async function uploadFiles(
  api: ApiClient,
  missing: readonly string[],
  { fileOf }: HashedImages,
): Promise<void> {
  for (const sha256 of missing) {
    const { file, image, path, sizeBytes } = fileOf.get(sha256)!;
    const source = await openFileSource(file);
    const progress = showProgress(`uploading ${file}`, sizeBytes);
    try {
      const target = { image: encodeURIComponent(image), path, source };
      const uploaded = await uploadSource(api, target, (arrived) => progress.update(arrived));
      if (uploaded.sha256 !== sha256)
        throw new Error(`${file} was changed while it was uploaded: run it again`);
    } finally {
      progress.end();
      await source.close();
    }
  }
}

function explain(error: ApiError): string {
  if (error.status !== 412) return error.message;
  return `somebody else changed it since it was looked at: nothing of it was changed; run it again (${error.message})`;
}

import { ApiRoutes } from "../api/api-routes.ts";
import { MACHINE, PREVIEW_QUERY } from "../api/parameters.ts";
import { previewSchema } from "../api/responses/machines.ts";
import type { PlainProfile } from "../../core/boot/model.ts";
import { renderIpxe } from "../../core/render/scripts/ipxe.ts";
import { controlObject, siteObject } from "../env.ts";
import type { AppContext } from "../http.ts";
import { pinProfile, presentProfile, type PresentProfile } from "../pin.ts";
import { renderPlaceholderScript } from "../placeholder-script.ts";
import { ProblemError, unwrap, type Result } from "../problem.ts";
import type { Pinned } from "../site-object/pinned.ts";
import type { BootPreview, PlanPreview } from "../site-object/preview.ts";
import { requireSite } from "./sites.ts";

/** `/api/v1/sites/:site/machines/:id/preview`. */
export const previewRoutes = new ApiRoutes().add(
  {
    method: "get",
    path: "/sites/{site}/machines/{id}/preview",
    id: "previewMachine",
    tag: "machines",
    summary: "What a machine would be served, secrets masked",
    description:
      "Of the active attempt, else of the profile named or the machine's own. Image URLs are expired ones.",
    params: MACHINE,
    query: PREVIEW_QUERY,
    responses: {
      200: { description: "Script and answers, and where each value came from", schema: previewSchema },
    },
  },
  async (c, { params, query }) => {
    const { id: siteId, name: siteName } = await requireSite(c, params.site);
    const site = siteObject(c.env, siteId);
    // The stub's types know no records of unknown values, which a view is.
    const preview = async (id: string, pinned: Pinned | null) =>
      unwrap((await site.preview(id, pinned)) as Result<BootPreview | null>);
    const active = query.profile === undefined ? await preview(params.id, null) : null;
    if (active !== null) return c.json(await formatPreview(c, siteId, active));

    const { machine } = unwrap(await site.getMachine(params.id));
    const profile = query.profile ?? machine.profile;
    if (profile === undefined) {
      const message = `"${machine.name}" is not armed and has no profile of its own: name one`;
      throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "profile", message }] });
    }
    const present = await presentProfile(c.env, profile);
    const { document } = present;
    if (document.mode !== "install" && document.mode !== "live") {
      return c.json(await previewPlan(c, siteId, machine.id, { ...present, document }));
    }
    const pinned = await pinProfile(c.env, { profile, variables: {}, site: siteName, by: c.get("caller") });
    return c.json(await formatPreview(c, siteId, (await preview(machine.id, pinned))!));
  },
);

/** As `formatPreview`, of a profile that starts no kernel by itself. */
async function previewPlan(
  c: AppContext,
  siteId: string,
  machineId: string,
  profile: PresentProfile & { readonly document: PlainProfile },
) {
  const { name, revision, document } = profile;
  const named = document.mode === "menu" ? document.items.flatMap((item) => item.profile ?? []) : [];
  const modes = await controlObject(c.env).profileModes(named);
  const previewed = await siteObject(c.env, siteId).previewPlan(machineId, { name, document }, modes);
  const { machine, plan, problems } = unwrap(previewed as Result<PlanPreview>);
  const script = plan === null ? null : renderIpxe(plan);
  return { machine, attempt: null, profile: { name, revision }, script, problems, answers: {} };
}

async function formatPreview(c: AppContext, siteId: string, preview: BootPreview) {
  const { machine, attempt, pinned, answers } = preview;
  const { name, revision } = pinned.profile;
  const script = await renderPlaceholderScript(c.env, siteId, pinned, preview);
  return { machine, attempt, profile: { name, revision }, ...script, answers };
}

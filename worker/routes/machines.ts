import { Hono } from "hono";
import * as z from "zod";
import { renderIpxe } from "../../core/render/scripts/ipxe.ts";
import { createBootPlan } from "../boot-plan.ts";
import { siteObject } from "../env.ts";
import { formatAttempt } from "../format-attempt.ts";
import {
  check,
  pageJson,
  preconditionOf,
  queryInteger,
  readBody,
  taggedJson,
  type App,
  type AppContext,
} from "../http.ts";
import { pinProfile } from "../pin.ts";
import { ProblemError, unwrap, type FieldError, type Result } from "../problem.ts";
import { machineBatchSchema, machineSchema, selectorSchema } from "../schemas.ts";
import type { Pinned } from "../site-object/pinned.ts";
import { findProblems } from "../site-object/render.ts";
import type { BootPreview } from "../site-object/preview.ts";
import { siteOfPath } from "./sites.ts";

async function siteOf(c: AppContext) {
  return siteObject(c.env, (await siteOfPath(c)).id);
}

const patchSchema = z.record(z.string(), z.unknown());

/** `/api/v1/sites/:site/machines`: a machine is named by its name, its id or any of its MACs. */
export const machineRoutes = new Hono<App>()
  .get("/machines", async (c) => {
    const site = await siteOf(c);
    const [selector, q] = [c.req.query("selector"), c.req.query("q")];
    const query = {
      ...(selector !== undefined && {
        labels: check(z.object({ selector: selectorSchema }), { selector }).selector,
      }),
      ...(q !== undefined && { q }),
    };
    return await pageJson(
      c,
      async (page) => await site.listMachines({ ...page, ...query }),
      (machine) => machine.name,
    );
  })

  // The router takes ":batch" in the middle of a segment for a parameter.
  .post("/:machines{machines:batch}", async (c) => {
    const batch = await readBody(c, machineBatchSchema);
    const result = unwrap(await (await siteOf(c)).changeMachines(batch));
    c.set("auditDetail", { put: result.put.length, deleted: result.deleted });
    return c.json({ items: result.put, deleted: result.deleted });
  })

  .put("/machines/:id", async (c) => {
    const input = await readBody(c, machineSchema);
    const site = await siteOf(c);
    const put = unwrap(await site.putMachine(c.req.param("id"), input, preconditionOf(c)));
    c.set("auditDetail", { machine: put.machine.name, changed: put.changed });
    return taggedJson(c, put.etag, put.machine, put.created ? 201 : 200);
  })

  .patch("/machines/:id", async (c) => {
    const patch = await readBody(c, patchSchema);
    const site = await siteOf(c);
    const put = unwrap(await site.patchMachine(c.req.param("id"), patch, preconditionOf(c)));
    c.set("auditDetail", { machine: put.machine.name, changed: put.changed });
    return taggedJson(c, put.etag, put.machine);
  })

  .get("/machines/:id", async (c) => {
    const { machine, etag } = unwrap(await (await siteOf(c)).getMachine(c.req.param("id")));
    return taggedJson(c, etag, machine);
  })

  .delete("/machines/:id", async (c) => {
    unwrap(await (await siteOf(c)).deleteMachine(c.req.param("id"), preconditionOf(c)));
    return c.body(null, 204);
  })

  .get("/machines/:id/attempts", async (c) => {
    const site = await siteOf(c);
    return await pageJson(
      c,
      async (page) => unwrap(await site.listAttempts(c.req.param("id"), page)).map(formatAttempt),
      (attempt) => attempt.id,
    );
  })

  .get("/machines/:id/timeline", async (c) => {
    const limit = queryInteger(c, "limit", 1_000, 1_000);
    const after = queryInteger(c, "after", 0, Infinity);
    const items = unwrap(await (await siteOf(c)).timeline(c.req.param("id"), after, limit));
    return c.json({ items, next: items.at(-1)?.seq ?? null });
  })

  .get("/machines/:id/preview", async (c) => {
    const { id: siteId, name: siteName } = await siteOfPath(c);
    const site = siteObject(c.env, siteId);
    const key = c.req.param("id");
    const named = c.req.query("profile");
    // The stub's types know no records of unknown values, which a view is.
    const preview = async (id: string, pinned: Pinned | null) =>
      unwrap((await site.preview(id, pinned)) as Result<BootPreview | null>);
    const active = named === undefined ? await preview(key, null) : null;
    if (active !== null) return c.json(await formatPreview(c, siteId, active));

    const { machine } = unwrap(await site.getMachine(key));
    const profile = named ?? machine.profile;
    if (profile === undefined) {
      const message = `"${machine.name}" is not armed and has no profile of its own: name one`;
      throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "profile", message }] });
    }
    const pinned = await pinProfile(c.env, { profile, variables: {}, site: siteName, by: c.get("caller") });
    return c.json(await formatPreview(c, siteId, (await preview(machine.id, pinned))!));
  })

  .get("/discovered", async (c) => {
    const site = await siteOf(c);
    return await pageJson(
      c,
      async ({ after, limit }) => await site.listDiscovered(after, limit),
      (machine) => machine.mac,
    );
  });

/** What the machine would be served. Its image URLs are signed, but past their end. */
async function formatPreview(c: AppContext, siteId: string, preview: BootPreview) {
  const { machine, attempt, pinned, view, capability, answers } = preview;
  const { name, revision, document } = pinned.profile;
  let script: string | null = null;
  const problems: FieldError[] = [];
  try {
    const decided =
      document.mode === "local"
        ? ({ kind: "local" } as const)
        : ({ kind: "install", pinned, view, capability, urlsExpireAt: 0 } as const);
    script = renderIpxe(await createBootPlan(c.env, { siteId, prefix: "" }, decided));
  } catch (error) {
    const found = findProblems(() => {
      throw error;
    });
    problems.push(
      ...found.map(({ line, column, message }) => ({ field: `args:${line}:${column}`, message })),
    );
  }
  return { machine, attempt, profile: { name, revision }, script, problems, answers };
}

import { ApiRoutes } from "../api/api-routes.ts";
import { IN_SITE, MACHINE, MACHINE_QUERY } from "../api/parameters.ts";
import {
  changedMachinesSchema,
  machinePageSchema,
  machineSchema as machineDocumentSchema,
} from "../api/responses/machines.ts";
import { controlObject, siteObject } from "../env.ts";
import { pageJson, preconditionOf, taggedJson, type AppContext } from "../http.ts";
import { unwrap } from "../problem.ts";
import {
  machineBatchSchema,
  machinePatchSchema,
  machineSchema,
  type MachineBatch,
} from "../schemas/machine.ts";
import { siteSettingsSchema } from "../schemas/site.ts";
import { requireSite } from "./sites.ts";

async function objectOf(c: AppContext, { site }: { site: string }) {
  return siteObject(c.env, (await requireSite(c, site)).id);
}

/** A batch of a whole site's machines. */
const MAX_BATCH_BYTES = 16 << 20;

/** Id of the object that tries batches for sites that are yet to be made; no site has it. */
const NEW_SITE = "new-site";

async function changeMachines(c: AppContext, name: string, batch: MachineBatch) {
  if (batch.dryRun) c.set("dryRun", true);
  const mayMake = batch.dryRun && c.get("caller").siteIds === null;
  if (mayMake && !(await controlObject(c.env).getSite(name)).ok) {
    const identity = { ...siteSettingsSchema.parse({}), id: NEW_SITE, name };
    return await siteObject(c.env, NEW_SITE).tryMachines(identity, batch);
  }
  return await (await objectOf(c, { site: name })).changeMachines(batch);
}

/** `/api/v1/sites/:site/machines`: a machine is named by its name, its id or any of its MACs. */
export const machineRoutes = new ApiRoutes()
  .add(
    {
      method: "get",
      path: "/sites/{site}/machines",
      id: "listMachines",
      tag: "machines",
      summary: "List machines",
      params: IN_SITE,
      query: MACHINE_QUERY,
      responses: { 200: { description: "By name", schema: machinePageSchema } },
    },
    async (c, { params, query }) => {
      const site = await objectOf(c, params);
      const { selector, q } = query;
      const wanted = { ...(selector !== undefined && { labels: selector }), ...(q !== undefined && { q }) };
      return await pageJson(
        c,
        query,
        async ({ after, limit }) => await site.listMachines({ after, limit, ...wanted }),
        (machine) => machine.name,
      );
    },
  )

  .add(
    {
      method: "post",
      path: "/sites/{site}/machines:batch",
      id: "changeMachines",
      tag: "machines",
      summary: "Put and delete machines, all or none",
      description:
        "What counts is how things are at its end: names, MACs and addresses that machines give up may be taken by " +
        "others. Refused where a machine with an active attempt would be deleted, or get another identity or profile.",
      params: IN_SITE,
      body: machineBatchSchema,
      maxBytes: MAX_BATCH_BYTES,
      responses: { 200: { description: "All of it happened", schema: changedMachinesSchema } },
      problems: ["precondition-failed"],
    },
    async (c, { params, body }) => {
      const result = unwrap(await changeMachines(c, params.site, body));
      c.set("auditDetail", { put: result.put.length, deleted: result.deleted });
      return c.json({ items: result.put, deleted: result.deleted, changes: result.changes });
    },
  )

  .add(
    {
      method: "put",
      path: "/sites/{site}/machines/{id}",
      id: "putMachine",
      tag: "machines",
      summary: "Create or replace a machine",
      description: "A new one is called as the path says; where that is a MAC, it is also its address.",
      params: MACHINE,
      body: machineSchema,
      conditional: true,
      responses: {
        200: { description: "It was there", schema: machineDocumentSchema, tagged: true },
        201: { description: "It is new", schema: machineDocumentSchema, tagged: true },
      },
      problems: ["conflict"],
    },
    async (c, { params, body }) => {
      const site = await objectOf(c, params);
      const put = unwrap(await site.putMachine(params.id, body, preconditionOf(c)));
      c.set("auditDetail", { machine: put.machine.name, changed: put.changed });
      return taggedJson(c, put.etag, put.machine, put.created ? 201 : 200);
    },
  )

  .add(
    {
      method: "patch",
      path: "/sites/{site}/machines/{id}",
      id: "patchMachine",
      tag: "machines",
      summary: "Merge a patch into a machine (RFC 7396)",
      params: MACHINE,
      body: machinePatchSchema,
      conditional: true,
      responses: { 200: { description: "As it is now", schema: machineDocumentSchema, tagged: true } },
      problems: ["conflict"],
    },
    async (c, { params, body }) => {
      const site = await objectOf(c, params);
      const put = unwrap(await site.patchMachine(params.id, body, preconditionOf(c)));
      c.set("auditDetail", { machine: put.machine.name, changed: put.changed });
      return taggedJson(c, put.etag, put.machine);
    },
  )

  .add(
    {
      method: "get",
      path: "/sites/{site}/machines/{id}",
      id: "getMachine",
      tag: "machines",
      summary: "A machine",
      params: MACHINE,
      conditional: true,
      responses: { 200: { description: "Its document", schema: machineDocumentSchema, tagged: true } },
    },
    async (c, { params }) => {
      const { machine, etag } = unwrap(await (await objectOf(c, params)).getMachine(params.id));
      return taggedJson(c, etag, machine);
    },
  )

  .add(
    {
      method: "delete",
      path: "/sites/{site}/machines/{id}",
      id: "deleteMachine",
      tag: "machines",
      summary: "Delete a machine that has no active attempt",
      params: MACHINE,
      conditional: true,
      responses: { 204: { description: "Its attempts and events stay" } },
      problems: ["attempt-active"],
    },
    async (c, { params }) => {
      unwrap(await (await objectOf(c, params)).deleteMachine(params.id, preconditionOf(c)));
      return c.body(null, 204);
    },
  );

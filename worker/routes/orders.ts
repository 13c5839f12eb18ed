import type * as z from "zod";
import { ApiRoutes } from "../api/api-routes.ts";
import { IN_SITE, MACHINE, PAGE } from "../api/parameters.ts";
import { armedSchema, attemptPageSchema, attemptSchema } from "../api/responses/attempts.ts";
import { siteObject } from "../env.ts";
import { formatAttempt } from "../format-attempt.ts";
import { pageJson, type AppContext } from "../http.ts";
import { pinProfile } from "../pin.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { armSchema, siteArmSchema } from "../schemas/orders.ts";
import { canonicalJson, hashContent } from "../revisions.ts";
import type { IdempotencyKey } from "../site-object/idempotency.ts";
import type { ArmOrder } from "../site-object/orders.ts";
import { requireSite } from "./sites.ts";

const MAX_KEY_LENGTH = 200;

/** `/api/v1/sites/:site/…/arm`, `…/disarm` and `…/attempts`. */
export const orderRoutes = new ApiRoutes()
  .add(
    {
      method: "post",
      path: "/sites/{site}/machines/{id}/arm",
      id: "armMachine",
      tag: "installs",
      summary: "Order an install",
      params: MACHINE,
      body: armSchema,
      idempotent: true,
      responses: {
        200: { description: "What an earlier order with this Idempotency-Key made", schema: attemptSchema },
        201: { description: "The new attempt", schema: attemptSchema },
      },
      problems: ["conflict", "attempt-active", "confirmation-required"],
    },
    async (c, { params, body: order }) => {
      const site = await requireSite(c, params.site);
      const { machine } = unwrap(await siteObject(c.env, site.id).getMachine(params.id));
      const idempotency = await idempotencyOf(c, order);
      const [repeated] = await repeatedOrder(c, site.id, machine.id, idempotency);
      if (repeated !== undefined) return c.json(formatAttempt(repeated), 200);
      const profile = order.profile ?? machine.profile;
      if (profile === undefined) {
        const message = `"${machine.name}" has no profile of its own: name one`;
        throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "profile", message }] });
      }
      const { supersede } = order;
      const resolved = {
        ...(await resolve(c, site.name, { ...order, profile }, idempotency)),
        ...(supersede !== undefined && { supersede }),
      };
      const { attempt, created } = unwrap(await siteObject(c.env, site.id).arm(machine.id, resolved));
      c.set("auditDetail", { attempt: attempt.id, machine: machine.name, profile, created });
      return c.json(formatAttempt(attempt), created ? 201 : 200);
    },
  )

  .add(
    {
      method: "post",
      path: "/sites/{site}/machines/{id}/disarm",
      id: "disarmMachine",
      tag: "installs",
      summary: "Withdraw an order; after the commit, its answers",
      params: MACHINE,
      responses: { 200: { description: "The attempt as it is now", schema: attemptSchema } },
      problems: ["conflict"],
    },
    async (c, { params }) => {
      const site = await requireSite(c, params.site);
      const attempt = unwrap(await siteObject(c.env, site.id).disarm(params.id));
      c.set("auditDetail", { attempt: attempt.id, state: attempt.state });
      return c.json(formatAttempt(attempt));
    },
  )

  .add(
    {
      method: "get",
      path: "/sites/{site}/machines/{id}/attempts",
      id: "listAttempts",
      tag: "installs",
      summary: "A machine's attempts",
      params: MACHINE,
      query: PAGE,
      responses: { 200: { description: "Newest first", schema: attemptPageSchema } },
    },
    async (c, { params, query }) => {
      const site = await requireSite(c, params.site);
      return await pageJson(
        c,
        query,
        async (page) =>
          unwrap(await siteObject(c.env, site.id).listAttempts(params.id, page)).map(formatAttempt),
        (attempt) => attempt.id,
      );
    },
  )

  .add(
    {
      method: "post",
      path: "/sites/{site}/arm",
      id: "armMachines",
      tag: "installs",
      summary: "Order installs of several machines, all or none",
      params: IN_SITE,
      body: siteArmSchema,
      idempotent: true,
      responses: {
        200: { description: "What an earlier order with this Idempotency-Key made", schema: armedSchema },
        201: { description: "The new attempts", schema: armedSchema },
      },
      problems: ["conflict", "attempt-active", "confirmation-required"],
    },
    async (c, { params, body: order }) => {
      const site = await requireSite(c, params.site);
      const idempotency = await idempotencyOf(c, order);
      const repeated = await repeatedOrder(c, site.id, null, idempotency);
      if (repeated.length > 0) return c.json({ items: repeated.map(formatAttempt) }, 200);
      const resolved = await resolve(c, site.name, order, idempotency);
      const target = order.selector === undefined ? { ids: order.ids ?? [] } : { labels: order.selector };
      const { attempts, created } = unwrap(await siteObject(c.env, site.id).armMany(target, resolved));
      c.set("auditDetail", { machines: attempts.length, profile: order.profile, created });
      return c.json({ items: attempts.map(formatAttempt) }, created ? 201 : 200);
    },
  );

/** Everything that the order needs, as it is now. */
async function resolve(
  c: AppContext,
  site: string,
  order: Omit<z.output<typeof armSchema>, "profile" | "supersede"> & { profile: string },
  idempotency: IdempotencyKey | undefined,
): Promise<ArmOrder> {
  const { profile, variables, ttlSeconds, retries, confirmCount } = order;
  const by = c.get("caller");
  return {
    pinned: await pinProfile(c.env, { profile, variables, site, by }),
    ttlSeconds,
    retries,
    by: by.name,
    ...(confirmCount !== undefined && { confirmCount }),
    ...(idempotency !== undefined && { idempotency }),
  };
}

async function repeatedOrder(
  c: AppContext,
  siteId: string,
  machineId: string | null,
  idempotency: IdempotencyKey | undefined,
) {
  if (idempotency === undefined) return [];
  return unwrap(await siteObject(c.env, siteId).repeatedOrder(machineId, idempotency));
}

/** The key that the client gave to its order, and what it stands for: the whole body, defaults filled in. */
async function idempotencyOf(c: AppContext, order: object): Promise<IdempotencyKey | undefined> {
  const key = c.req.header("idempotency-key");
  if (key === undefined) return undefined;
  if (key === "" || key.length > MAX_KEY_LENGTH) {
    const message = `has 1 to ${MAX_KEY_LENGTH} characters`;
    throw new ProblemError({
      type: "bad-request",
      detail: `Idempotency-Key ${message}`,
      errors: [{ field: "Idempotency-Key", message }],
    });
  }
  return { key, fingerprint: await hashContent(canonicalJson(order)) };
}

import { Hono } from "hono";
import type * as z from "zod";
import { siteObject } from "../env.ts";
import { formatAttempt } from "../format-attempt.ts";
import { readBody, type App, type AppContext } from "../http.ts";
import { pinProfile } from "../pin.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { armSchema, siteArmSchema } from "../schemas.ts";
import type { ArmOrder } from "../site-object/orders.ts";
import { siteOfPath } from "./sites.ts";

/** `/api/v1/sites/:site/…/arm` and `…/disarm`. */
export const orderRoutes = new Hono<App>()
  .post("/machines/:id/arm", async (c) => {
    const order = await readBody(c, armSchema);
    const site = await siteOfPath(c);
    const { machine } = unwrap(await siteObject(c.env, site.id).getMachine(c.req.param("id")));
    const [repeated] = await repeatedOrder(c, site.id, machine.id);
    if (repeated !== undefined) return c.json(formatAttempt(repeated), 200);
    const profile = order.profile ?? machine.profile;
    if (profile === undefined) {
      const message = `"${machine.name}" has no profile of its own: name one`;
      throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "profile", message }] });
    }
    const { supersede } = order;
    const resolved = {
      ...(await resolve(c, site.name, { ...order, profile })),
      ...(supersede !== undefined && { supersede }),
    };
    const { attempt, created } = unwrap(await siteObject(c.env, site.id).arm(machine.id, resolved));
    c.set("auditDetail", { attempt: attempt.id, machine: machine.name, profile, created });
    return c.json(formatAttempt(attempt), created ? 201 : 200);
  })

  .post("/machines/:id/disarm", async (c) => {
    const site = await siteOfPath(c);
    const attempt = unwrap(await siteObject(c.env, site.id).disarm(c.req.param("id")));
    c.set("auditDetail", { attempt: attempt.id, state: attempt.state });
    return c.json(formatAttempt(attempt));
  })

  .post("/arm", async (c) => {
    const order = await readBody(c, siteArmSchema);
    const site = await siteOfPath(c);
    const repeated = await repeatedOrder(c, site.id, null);
    if (repeated.length > 0) return c.json({ items: repeated.map(formatAttempt) }, 200);
    const resolved = await resolve(c, site.name, order);
    const target = order.selector === undefined ? { ids: order.ids ?? [] } : { labels: order.selector };
    const { attempts, created } = unwrap(await siteObject(c.env, site.id).armMany(target, resolved));
    c.set("auditDetail", { machines: attempts.length, profile: order.profile, created });
    return c.json({ items: attempts.map(formatAttempt) }, created ? 201 : 200);
  });

/** Everything that the order needs, as it is now. */
async function resolve(
  c: AppContext,
  site: string,
  order: Omit<z.output<typeof armSchema>, "profile" | "supersede"> & { profile: string },
): Promise<ArmOrder> {
  const { profile, variables, ttlSeconds, retries, confirmCount } = order;
  const by = c.get("caller");
  const idempotencyKey = idempotencyKeyOf(c);
  return {
    pinned: await pinProfile(c.env, { profile, variables, site, by }),
    ttlSeconds,
    retries,
    by: by.name,
    ...(confirmCount !== undefined && { confirmCount }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
}

async function repeatedOrder(c: AppContext, siteId: string, machine: string | null) {
  const key = idempotencyKeyOf(c);
  return key === undefined ? [] : await siteObject(c.env, siteId).repeatedOrder(machine, key);
}

function idempotencyKeyOf(c: AppContext): string | undefined {
  return c.req.header("idempotency-key")?.slice(0, 200);
}

import { Hono } from "hono";
import type { Attempt } from "../../core/boot/model.ts";
import { siteObject } from "../env.ts";
import { queryInteger, readBody, type App, type AppContext } from "../http.ts";
import { unwrap } from "../problem.ts";
import { armSchema, machineSchema } from "../schemas.ts";
import { pinProfile } from "../pin.ts";
import { ProblemError } from "../problem.ts";
import { siteOfPath } from "./sites.ts";

async function siteOf(c: AppContext) {
  return siteObject(c.env, (await siteOfPath(c)).id);
}

/** `/api/v1/sites/:site/machines`: a machine is named by its name, its id or any of its MACs. */
export const machineRoutes = new Hono<App>()
  .get("/machines", async (c) => {
    const site = await siteOf(c);
    const limit = queryInteger(c, "limit", 100, 1_000);
    const items = await site.listMachines(c.req.query("after") ?? "", limit);
    return c.json({ items, next: items.length === limit ? items.at(-1)!.name : null });
  })

  .put("/machines/:id", async (c) => {
    const input = await readBody(c, machineSchema);
    const site = await siteOf(c);
    const { machine, created } = unwrap(await site.putMachine(c.req.param("id"), input));
    return c.json(machine, created ? 201 : 200);
  })

  .get("/machines/:id", async (c) => c.json(unwrap(await (await siteOf(c)).getMachine(c.req.param("id")))))

  .delete("/machines/:id", async (c) => {
    unwrap(await (await siteOf(c)).deleteMachine(c.req.param("id")));
    return c.body(null, 204);
  })

  .post("/machines/:id/arm", async (c) => {
    const order = await readBody(c, armSchema);
    const site = await siteOf(c);
    const machine = unwrap(await site.getMachine(c.req.param("id")));
    const profile = order.profile ?? machine.profile;
    if (profile === undefined) {
      const message = `"${machine.name}" has no profile of its own: name one`;
      throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "profile", message }] });
    }
    const pinned = await pinProfile(c.env, profile, order.variables);
    const idempotencyKey = c.req.header("idempotency-key");
    const { attempt, created } = unwrap(
      await site.arm(machine.id, {
        pinned,
        ttlSeconds: order.ttlSeconds,
        retries: order.retries,
        ...(order.supersede !== undefined && { supersede: order.supersede }),
        ...(idempotencyKey !== undefined && { idempotencyKey: idempotencyKey.slice(0, 200) }),
      }),
    );
    return c.json(formatAttempt(attempt), created ? 201 : 200);
  })

  .post("/machines/:id/disarm", async (c) =>
    c.json(formatAttempt(unwrap(await (await siteOf(c)).disarm(c.req.param("id"))))),
  )

  .get("/machines/:id/attempts", async (c) => {
    const limit = queryInteger(c, "limit", 100, 1_000);
    const attempts = unwrap(await (await siteOf(c)).listAttempts(c.req.param("id"), limit));
    return c.json({ items: attempts.map(formatAttempt) });
  })

  .get("/machines/:id/timeline", async (c) => {
    const limit = queryInteger(c, "limit", 1_000, 1_000);
    const after = queryInteger(c, "after", 0, Infinity);
    const items = unwrap(await (await siteOf(c)).timeline(c.req.param("id"), after, limit));
    return c.json({ items, next: items.at(-1)?.seq ?? null });
  });

/** An attempt as the API shows it: instants as ISO 8601, durations in seconds. */
function formatAttempt(attempt: Attempt) {
  const instant = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  return {
    id: attempt.id,
    machine: attempt.machineId,
    profile: attempt.profile,
    revision: attempt.profileRevision,
    state: attempt.state,
    reason: attempt.reason,
    serves: attempt.serves,
    installs: attempt.installs,
    retries: attempt.retries,
    answersRevoked: attempt.answersRevoked,
    ttlSeconds: attempt.ttlMs / 1_000,
    installDeadlineSeconds: attempt.installDeadlineMs / 1_000,
    armedAt: instant(attempt.armedAt),
    expiresAt: instant(attempt.expiresAt),
    committedAt: instant(attempt.committedAt),
    endedAt: instant(attempt.endedAt),
  };
}

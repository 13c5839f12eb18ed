import type { BootEvent } from "../../core/relay-protocol/events.ts";
import type { Delivery } from "../journal/journal.ts";
import type { ControlPlaneClient } from "./client.ts";

/** Statuses that say "not this body", rather than "not now" or "not you". */
const REFUSES_THE_BODY = new Set([400, 413, 422]);

/** Delivers events for the journal. A revoked credential keeps them: joining again delivers them. */
export async function deliverEvents(
  client: Pick<ControlPlaneClient, "postEvents">,
  events: readonly BootEvent[],
  signal: AbortSignal,
): Promise<Delivery> {
  const outcome = await client.postEvents(events, signal);
  switch (outcome.kind) {
    case "ok":
      return { kind: "delivered", rejected: outcome.value.rejected };
    case "unauthorized":
      return { kind: "later", reason: "credentials refused; run `pxedge relay join` again" };
    case "unreachable":
      return { kind: "later", reason: outcome.reason };
    case "bad-answer":
      return { kind: REFUSES_THE_BODY.has(outcome.status) ? "refused" : "later", reason: outcome.reason };
  }
}

import { renderIpxe } from "../core/render/scripts/ipxe.ts";
import { ScriptError } from "../core/render/scripts/script-error.ts";
import { createBootPlan } from "./boot-plan.ts";
import type { Env } from "./env.ts";
import type { FieldError } from "./problem.ts";
import type { Pinned } from "./site-object/pinned.ts";
import type { PlaceholderBoot } from "./site-object/preview.ts";
import { findProblems } from "./site-object/render.ts";

/** A script that nobody is served: its image URLs are signed, but past their end; `null` where it does not render. */
export type PlaceholderScript = { readonly script: string | null; readonly problems: readonly FieldError[] };

/** The iPXE script that starts a pinned profile's kernel. */
export async function renderPlaceholderScript(
  env: Env,
  siteId: string,
  pinned: Pinned,
  { view, capability }: Pick<PlaceholderBoot, "view" | "capability">,
): Promise<PlaceholderScript> {
  try {
    const decided = { kind: "kernel", pinned, view, capability, urlsExpireAt: 0 } as const;
    const plan = await createBootPlan(env, { siteId, prefix: "" }, "ipxe", decided);
    return { script: renderIpxe(plan), problems: [] };
  } catch (error) {
    if (error instanceof ScriptError) {
      return { script: null, problems: [{ field: error.field, message: error.message }] };
    }
    const found = findProblems(() => {
      throw error;
    });
    const problems = found.map(({ line, column, message }) => ({ field: `args:${line}:${column}`, message }));
    return { script: null, problems };
  }
}

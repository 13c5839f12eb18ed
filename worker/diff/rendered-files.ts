import { renderIpxe } from "../../core/render/scripts/ipxe.ts";
import type { Env } from "../env.ts";
import { renderPlaceholderScript } from "../placeholder-script.ts";
import type { FieldError } from "../problem.ts";
import type { SiteIdentity } from "../site-object/identity.ts";
import type { SiteMachine } from "../site-object/machines.ts";
import { planPlainBoot, renderPlaceholderBoot } from "../site-object/preview.ts";
import type { Side } from "./side.ts";

/** What a machine would be served: its script and its answers by name, or why there would be none. */
export type RenderedFiles =
  | { readonly kind: "rendered"; readonly files: Readonly<Record<string, string>> }
  | { readonly kind: "failed"; readonly errors: readonly FieldError[] };

/** The script's name among the files; no answer can have it. */
const SCRIPT = "/boot/script.ipxe";

/**
 * Renders all that a machine would be served, as its preview does: nothing of
 * it is real, neither capability nor secret, and its URLs are past their end.
 */
export async function renderFiles(
  env: Env,
  { machine, site }: { machine: SiteMachine; site: SiteIdentity },
  side: Side,
): Promise<RenderedFiles> {
  const failed = (errors: readonly FieldError[]): RenderedFiles => ({ kind: "failed", errors });
  if (side.kind === "absent") return { kind: "rendered", files: {} };
  if (side.kind === "broken") return failed(side.errors);
  if (machine.macs.length === 0) return failed([{ field: "macs", message: "it has no MAC yet" }]);
  if (side.kind === "plain") {
    const { plan, problems } = planPlainBoot(machine, site, side, side.modes);
    return plan === null ? failed(problems) : { kind: "rendered", files: { [SCRIPT]: renderIpxe(plan) } };
  }

  const { pinned } = side;
  const boot = renderPlaceholderBoot({ machine, site, pinned });
  const { script, problems } = await renderPlaceholderScript(env, site.id, pinned, boot);
  const files: Record<string, string> = script === null ? {} : { [SCRIPT]: script };
  const errors = [...problems];
  for (const [file, { text, problems }] of Object.entries(boot.answers)) {
    if (text !== null) files[file] = text;
    const field = `answers.${file}`;
    errors.push(
      ...problems.map(({ line, column, message }) => ({ field: `${field}:${line}:${column}`, message })),
    );
  }
  return errors.length > 0 ? failed(errors) : { kind: "rendered", files };
}

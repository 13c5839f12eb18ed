import type { RenderView } from "../../core/boot/view.ts";
import { explainVariables, type ExplainedVariable } from "../../core/render/explain.ts";
import { parseTemplate } from "../../core/render/parse.ts";
import { fail, ok, type FieldError, type Result } from "../problem.ts";
import { placeholderTree } from "../tree-url.ts";
import { findActiveAttempt } from "./attempts.ts";
import { variableLevels, type SiteIdentity } from "./identity.ts";
import { findMachine, noMachine, type SiteMachine } from "./machines.ts";
import { siteIdentity } from "./meta.ts";
import type { Pinned } from "./pinned.ts";
import { findProblems, PLACEHOLDERS, renderAnswer, viewOf } from "./render.ts";

/** One answer file as it would be served. */
export type AnswerPreview = {
  readonly template: string;
  readonly revision: string;
  readonly lifetime: "once" | "attempt";
  /** `null` where it does not render. */
  readonly text: string | null;
  readonly problems: readonly FieldError[];
  /** Where each value came from. */
  readonly variables: readonly ExplainedVariable[];
};

/** What a machine would be served, capabilities and secrets masked. */
export type BootPreview = {
  readonly machine: { readonly id: string; readonly name: string };
  /** The active attempt, where the preview is of what that one holds. */
  readonly attempt: string | null;
  readonly pinned: Pinned;
  readonly view: RenderView;
  readonly capability: string;
  readonly answers: Readonly<Record<string, AnswerPreview>>;
};

/**
 * What a machine would be served: what its active attempt holds, else `pinned`;
 * `null` where there is neither.
 */
export function previewMachine(
  sql: SqlStorage,
  key: string,
  pinned: Pinned | null,
): Result<BootPreview | null> {
  const machine = findMachine(sql, key);
  if (machine === null) return noMachine(key);
  if (machine.macs.length === 0) return fail("invalid", `"${machine.name}" has no MAC yet`);
  const active = pinned === null ? findActiveAttempt(sql, machine.id) : null;
  const shown = pinned ?? active?.pinned ?? null;
  if (shown === null) return ok(null);
  const attempt = active?.attempt.id ?? null;
  return ok(previewBoot({ machine, site: siteIdentity(sql), pinned: shown, attempt }));
}

/** Renders all of a boot's answers without what makes it real. */
function previewBoot(boot: {
  machine: SiteMachine;
  site: SiteIdentity;
  pinned: Pinned;
  attempt: string | null;
}): BootPreview {
  const { machine, site, pinned, attempt } = boot;
  const { capability } = PLACEHOLDERS;
  const treePath = placeholderTree(pinned);
  const view = viewOf({ machine, site, pinned, ...PLACEHOLDERS, treePath, mac: machine.macs[0]! });
  const masked = { ...view, secret: maskSecrets(pinned) };
  const levels = variableLevels(site, pinned, machine);
  const answers: Record<string, AnswerPreview> = {};
  for (const [file, { template, lifetime }] of Object.entries(pinned.profile.document.answers ?? {})) {
    const { revision, text: source } = pinned.templates[template]!;
    let text: string | null = null;
    const problems = findProblems(() => {
      text = renderAnswer(pinned, template, masked);
      return [];
    });
    answers[file] = {
      template,
      revision,
      lifetime: lifetime ?? "once",
      text,
      problems: problems.map(({ line, column, message }) => ({ field: `${line}:${column}`, message })),
      variables: explainVariables(levels, parseTemplate(source)),
    };
  }
  return {
    machine: { id: machine.id, name: machine.name },
    attempt,
    pinned,
    view,
    capability,
    answers,
  };
}

/** Of letters, digits and dashes only, so that no context refuses it. */
function maskSecrets(pinned: Pinned): Record<string, string> {
  return Object.fromEntries(Object.keys(pinned.secrets ?? {}).map((name) => [name, `masked-${name}`]));
}

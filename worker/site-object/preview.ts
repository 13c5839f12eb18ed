import type { RenderView } from "../../core/boot/view.ts";
import { explainVariables, type ExplainedVariable } from "../../core/render/explain.ts";
import { parseTemplate } from "../../core/render/parse.ts";
import type { FieldError } from "../problem.ts";
import { placeholderTree } from "../tree-url.ts";
import { variableLevels, type SiteIdentity } from "./identity.ts";
import type { SiteMachine } from "./machines.ts";
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

/** Renders all of a boot's answers without what makes it real. */
export function previewBoot(boot: {
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

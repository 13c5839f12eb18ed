import type { KernelProfile, PlainProfile, Profile } from "../../core/boot/model.ts";
import { controlObject, type Env } from "../env.ts";
import { loadPinned, type ReadRevision } from "../load-pinned.ts";
import { parseKeptTemplate } from "../parse-template.ts";
import { secretNames } from "../../core/render/secret-names.ts";
import { ProblemError, type FieldError } from "../problem.ts";
import { getRevision } from "../revisions.ts";
import type { Pinned } from "../site-object/pinned.ts";
import { findProblems } from "../site-object/render.ts";

/**
 * A profile, and what it names, as one of the two that are compared:
 * - `kernel`: all that booting it needs, the values of its secrets left out;
 * - `plain`: of one that starts no kernel by itself; `modes` of the profiles that its menu names;
 * - `absent`: the name stands for nothing;
 * - `broken`: it could not be armed or booted, whichever the machine.
 */
export type Side =
  | { readonly kind: "kernel"; readonly pinned: Pinned }
  | {
      readonly kind: "plain";
      readonly name: string;
      readonly document: PlainProfile;
      readonly modes: Readonly<Record<string, Profile["mode"]>>;
    }
  | { readonly kind: "absent" }
  | { readonly kind: "broken"; readonly errors: readonly FieldError[] };

/** A template's text under the revision that it has, or would have. */
export type TemplateText = { readonly revision: string; readonly text: string };

/**
 * Loads a profile as it would boot if `document` and `templates` were what
 * their names stand for; everything else is what its name stands for now.
 * Unlike an order, it reads no secret.
 *
 * @throws ProblemError `unavailable` where a revision has not arrived in this place's KV yet
 */
export async function loadSide(
  env: Env,
  profile: { readonly name: string; readonly revision: string; readonly document: Profile },
  templates: Readonly<Record<string, TemplateText>>,
): Promise<Side> {
  const { name, document } = profile;
  if (document.mode !== "install" && document.mode !== "live") {
    const named = document.mode === "menu" ? document.items.flatMap((item) => item.profile ?? []) : [];
    return { kind: "plain", name, document, modes: await controlObject(env).profileModes(named) };
  }
  return await loadKernel(env, { ...profile, document }, templates);
}

async function loadKernel(
  env: Env,
  { name, revision, document }: { name: string; revision: string; document: KernelProfile },
  templates: Readonly<Record<string, TemplateText>>,
): Promise<Side> {
  const resolved = await controlObject(env).resolveKernel(document);
  if (!resolved.ok) return { kind: "broken", errors: resolved.problem.errors ?? [] };
  const heads = resolved.value;
  const pins = {
    revision,
    mode: document.mode,
    templates: { ...heads.templates },
    image: { name: document.image, revision: heads.image },
    secrets: {},
  };
  for (const [template, { revision: other }] of Object.entries(templates)) {
    if (template in pins.templates) pins.templates[template] = other;
  }
  const given: Record<string, unknown> = { [`profile/${revision}`]: document };
  for (const { revision: other, text } of Object.values(templates)) given[`template/${other}`] = { text };
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the type is the reader's
  const read: ReadRevision = async <T>(kind: Parameters<ReadRevision>[0], of: string) =>
    (given[`${kind}/${of}`] as T | undefined) ?? (await getRevision<T>(env.REVISIONS, kind, of));
  const loaded = await loadPinned(read, name, pins, {});
  if (loaded.kind === "failed") {
    const { failure } = loaded;
    if (failure.kind === "wrong") return { kind: "broken", errors: failure.errors };
    const detail = `${failure.what} has not arrived in this place's KV yet; try again in a minute`;
    throw new ProblemError({ type: "unavailable", detail });
  }
  return await withSecretNames(env, loaded.value);
}

/** Names the secrets that there are, as keys without values: what is shown of them is masked. */
async function withSecretNames(env: Env, pinned: Pinned): Promise<Side> {
  const wanted = Object.entries(pinned.templates).flatMap(([template, { text }]) => {
    let names: string[] = [];
    // A template that does not parse says so where it is rendered.
    findProblems(() => {
      names = secretNames(parseKeptTemplate(text));
      return [];
    });
    return names.map((name) => ({ template, name }));
  });
  if (wanted.length === 0) return { kind: "kernel", pinned };
  const there = new Set(await controlObject(env).existingSecrets(wanted.map(({ name }) => name)));
  const errors = wanted
    .filter(({ name }) => !there.has(name))
    .map(({ template, name }) => ({
      field: `templates.${template}`,
      message: `there is no secret "${name}"`,
    }));
  if (errors.length > 0) return { kind: "broken", errors };
  const secrets = Object.fromEntries([...there].map((name) => [name, ""]));
  return { kind: "kernel", pinned: { ...pinned, secrets } };
}

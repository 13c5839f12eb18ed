import type { KernelProfile, Profile, Variables } from "../core/boot/model.ts";
import type { Actor } from "./access.ts";
import { controlObject, type Env } from "./env.ts";
import { loadPinned } from "./load-pinned.ts";
import { parseKeptTemplate } from "./parse-template.ts";
import { ProblemError, unwrap, type FieldError } from "./problem.ts";
import { getRevision, type RevisionKind } from "./revisions.ts";
import type { Pinned } from "./site-object/pinned.ts";
import { secretNames } from "../core/render/secret-names.ts";

/** An order, as far as it decides what is pinned. `by`: the secrets that go along count as read by them. */
export type PinOrder = {
  readonly profile: string;
  readonly variables: Variables;
  readonly site: string;
  readonly by: Actor;
};

/** A profile as its name stands now. */
export type PresentProfile = {
  readonly name: string;
  readonly revision: string;
  readonly document: Profile;
};

/**
 * A profile by its name.
 *
 * @throws ProblemError `invalid` where there is none; `unavailable` where the
 *   revision has not arrived in this place's KV yet
 */
export async function presentProfile(
  env: Env,
  name: string,
  field: string = "profile",
): Promise<PresentProfile> {
  const head = await controlObject(env).head("profile", name);
  if (head === null) throw missing([{ field, message: `there is no profile "${name}"` }]);
  const document = await getRevision<Profile>(env.REVISIONS, "profile", head.revision);
  if (document === null) throw notArrived(`profile ${name}@${head.revision}`);
  return { name, revision: head.revision, document };
}

/**
 * Resolves a profile's heads, at one instant, to the revisions that an attempt
 * keeps; with them those of the live profile that follows a failure.
 *
 * @throws ProblemError `invalid` with all that is missing at once; `unavailable`
 *   where a revision has not arrived in this place's KV yet
 */
export async function pinProfile(env: Env, order: PinOrder): Promise<Pinned> {
  const { document, ...present } = await presentProfile(env, order.profile);
  if (document.mode !== "install" && document.mode !== "live") {
    const message = `profile "${order.profile}" starts no kernel: its mode is "${document.mode}"`;
    throw missing([{ field: "profile", message }]);
  }
  const pinned = await pinKernel(env, { ...present, document }, order);
  if (document.mode !== "install" || document.rescue === undefined) return pinned;
  const rescue = await presentProfile(env, document.rescue, "rescue");
  if (rescue.document.mode !== "live") throw missing([notLive(document.rescue)]);
  const rescuePinned = await pinKernel(env, { ...rescue, document: rescue.document }, order);
  return { ...pinned, rescue: rescuePinned };
}

async function pinKernel(
  env: Env,
  { name, revision, document }: PresentProfile & { readonly document: KernelProfile },
  order: PinOrder,
): Promise<Pinned> {
  const { templates, image } = unwrap(await controlObject(env).resolveKernel(document));
  const pins = {
    revision,
    mode: document.mode,
    templates,
    image: { name: document.image, revision: image },
    secrets: {},
  };
  const read = async <T>(kind: RevisionKind, of: string): Promise<T | null> =>
    await getRevision<T>(env.REVISIONS, kind, of);
  const loaded = await loadPinned(read, name, pins, order.variables);
  if (loaded.kind === "failed") {
    const { failure } = loaded;
    throw failure.kind === "wrong" ? missing([...failure.errors]) : notArrived(failure.what);
  }
  return { ...loaded.value, secrets: await takeSecrets(env, loaded.value.templates, order) };
}

/** The secrets that the templates name, encrypted. */
async function takeSecrets(
  env: Env,
  templates: Pinned["templates"],
  { profile, site, by }: PinOrder,
): Promise<Record<string, string>> {
  const wanted = Object.entries(templates).flatMap(([template, { text }]) =>
    secretNames(parseKeptTemplate(text)).map((name) => ({ template, name })),
  );
  if (wanted.length === 0) return {};
  const names = [...new Set(wanted.map(({ name }) => name))];
  const actor = { id: by.id, name: by.name };
  const secrets = await controlObject(env).takeSecrets(names, actor, { profile, site });
  const errors = wanted
    .filter(({ name }) => secrets[name] === undefined)
    .map(({ template, name }) => ({
      field: `templates.${template}`,
      message: `there is no secret "${name}"`,
    }));
  if (errors.length > 0) throw missing(errors);
  return secrets;
}

/**
 * Refuses a profile that names what there is not, or what cannot be used so.
 *
 * @throws ProblemError `invalid`, naming all of it
 */
export async function checkReferences(env: Env, profile: Profile): Promise<void> {
  const errors = await controlObject(env).checkProfile(profile);
  if (errors.length > 0) throw missing(errors);
}

function notLive(rescue: string): FieldError {
  return { field: "rescue", message: `there is no profile "${rescue}" of mode live` };
}

function notArrived(what: string): ProblemError {
  const detail = `${what} has not arrived in this place's KV yet; try again in a minute`;
  return new ProblemError({ type: "unavailable", detail });
}

function missing(errors: FieldError[]): ProblemError {
  return new ProblemError({
    type: "invalid",
    detail: errors.map((error) => error.message).join("; "),
    errors,
  });
}

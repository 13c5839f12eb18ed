import type { Profile, Variables } from "../core/boot/model.ts";
import { parseTemplate } from "../core/render/parse.ts";
import type { Actor } from "./access.ts";
import { controlObject, type Env } from "./env.ts";
import { ProblemError, type FieldError } from "./problem.ts";
import { getRevision, type RevisionKind } from "./revisions.ts";
import type { TemplateDocument } from "./schemas.ts";
import type { ImageManifest, Pinned, PinnedImage } from "./site-object/pinned.ts";
import { secretNames } from "./site-object/render.ts";

/**
 * Resolves a profile's heads, at one instant, to the revisions that an attempt
 * keeps.
 *
 * @param by who orders: the secrets that go along count as read by them
 * @throws ProblemError `invalid` with all that is missing at once; `unavailable`
 *   where a revision has not arrived in this place's KV yet
 */
export async function pinProfile(
  env: Env,
  order: { profile: string; variables: Variables; site: string; by: Actor },
): Promise<Pinned> {
  const name = order.profile;
  const head = await controlObject(env).head("profile", name);
  if (head === null) throw missing([{ field: "profile", message: `there is no profile "${name}"` }]);
  const document = await requireRevision<Profile>(env, "profile", name, head.revision);
  const references = await resolveReferences(env, document);

  const templates: Record<string, { revision: string; text: string }> = {};
  for (const [template, revision] of Object.entries(references.templates)) {
    const { text } = await requireRevision<TemplateDocument>(env, "template", template, revision);
    templates[template] = { revision, text };
  }
  const image = document.image === undefined ? null : await pinImage(env, document, references.image!);
  const secrets = await takeSecrets(env, templates, order);
  return {
    profile: { name, revision: head.revision, document },
    templates,
    image,
    secrets,
    variables: order.variables,
  };
}

/** The secrets that the templates name, encrypted. */
async function takeSecrets(
  env: Env,
  templates: Pinned["templates"],
  { profile, site, by }: { profile: string; site: string; by: Actor },
): Promise<Record<string, string>> {
  const wanted = Object.entries(templates).flatMap(([template, { text }]) =>
    secretNames(parseTemplate(text)).map((name) => ({ template, name })),
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
 * The present revisions of all that a profile names.
 *
 * @throws ProblemError `invalid`, naming every template and image that does not exist
 */
export async function resolveReferences(
  env: Env,
  profile: Profile,
): Promise<{ templates: Record<string, string>; image: string | null }> {
  const control = controlObject(env);
  const answers = Object.entries(profile.answers ?? {});
  const wanted = [...new Set(answers.map(([, answer]) => answer.template))];
  const [templates, images] = await Promise.all([
    control.headsOf("template", wanted),
    control.headsOf("image", profile.image === undefined ? [] : [profile.image]),
  ]);
  const errors: FieldError[] = [];
  for (const [file, { template }] of answers) {
    if (templates[template] === undefined) {
      errors.push({ field: `answers.${file}.template`, message: `there is no template "${template}"` });
    }
  }
  const image = profile.image === undefined ? null : (images[profile.image] ?? null);
  if (profile.image !== undefined && image === null) {
    errors.push({ field: "image", message: `there is no image "${profile.image}"` });
  }
  if (errors.length > 0) throw missing(errors);
  return { templates, image };
}

async function pinImage(env: Env, profile: Profile, revision: string): Promise<PinnedImage> {
  const name = profile.image!;
  const manifest = await requireRevision<ImageManifest>(env, "image", name, revision);
  const files: Record<string, { sizeBytes: number; sha256: string }> = {};
  const errors: FieldError[] = [];
  const wanted = [
    ...(profile.kernel === undefined ? [] : [["kernel", profile.kernel] as const]),
    ...(profile.initrds ?? []).map((path, i) => [`initrds[${i}]`, path] as const),
  ];
  for (const [field, path] of wanted) {
    const file = manifest.files[path];
    if (file === undefined) errors.push({ field, message: `image "${name}" holds no file "${path}"` });
    else files[path] = { sizeBytes: file.sizeBytes, sha256: file.sha256 };
  }
  if (errors.length > 0) throw missing(errors);
  return { name, revision, files };
}

async function requireRevision<T>(env: Env, kind: RevisionKind, name: string, revision: string): Promise<T> {
  const document = await getRevision<T>(env.REVISIONS, kind, revision);
  if (document === null) {
    const detail = `${kind} ${name}@${revision} has not arrived in this place's KV yet; try again in a minute`;
    throw new ProblemError({ type: "unavailable", detail });
  }
  return document;
}

function missing(errors: FieldError[]): ProblemError {
  return new ProblemError({
    type: "invalid",
    detail: errors.map((error) => error.message).join("; "),
    errors,
  });
}

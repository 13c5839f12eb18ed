import { initrdFile } from "../core/boot/initrd.ts";
import type { KernelProfile, Variables } from "../core/boot/model.ts";
import type { FieldError } from "./problem.ts";
import type { ProfilePins } from "./profile-pins.ts";
import type { RevisionKind } from "./revisions.ts";
import type { TemplateDocument } from "./schemas/documents.ts";
import type { ImageManifest, Pinned, PinnedImage } from "./site-object/pinned.ts";

/** A revision's document; `null` where this place's KV does not have it. */
export type ReadRevision = <T>(kind: RevisionKind, revision: string) => Promise<T | null>;

/**
 * Why a profile could not be loaded:
 * - `not-arrived`: KV does not have the revision (yet);
 * - `wrong`: it names what there is not.
 */
export type LoadFailure =
  | { readonly kind: "not-arrived"; readonly what: string }
  | { readonly kind: "wrong"; readonly errors: readonly FieldError[] };

export type LoadResult<T> =
  | { readonly kind: "loaded"; readonly value: T }
  | { readonly kind: "failed"; readonly failure: LoadFailure };

/** Reads all that booting a profile needs, by revision. */
export async function loadPinned(
  read: ReadRevision,
  name: string,
  pins: ProfilePins,
  variables: Variables,
): Promise<LoadResult<Pinned>> {
  const document = await read<KernelProfile>("profile", pins.revision);
  if (document === null) return notArrived("profile", name, pins.revision);

  const templates: Record<string, { revision: string; text: string }> = {};
  const errors: FieldError[] = [];
  for (const [file, { template }] of Object.entries(document.answers ?? {})) {
    const revision = pins.templates[template];
    if (revision === undefined || revision === null) {
      errors.push({ field: `answers.${file}.template`, message: `there is no template "${template}"` });
      continue;
    }
    const found = await read<TemplateDocument>("template", revision);
    if (found === null) return notArrived("template", template, revision);
    templates[template] = { revision, text: found.text };
  }

  const revision = pins.image?.revision ?? null;
  if (pins.image === null || revision === null) {
    errors.push({ field: "image", message: `there is no image "${document.image}"` });
    return { kind: "failed", failure: { kind: "wrong", errors } };
  }
  const manifest = await read<ImageManifest>("image", revision);
  if (manifest === null) return notArrived("image", pins.image.name, revision);
  const image = pinImage(document, { name: pins.image.name, revision }, manifest, errors);
  if (errors.length > 0) return { kind: "failed", failure: { kind: "wrong", errors } };
  return {
    kind: "loaded",
    value: {
      profile: { name, revision: pins.revision, document },
      templates,
      image,
      secrets: pins.secrets,
      variables,
    },
  };
}

function pinImage(
  document: KernelProfile,
  { name, revision }: { name: string; revision: string },
  manifest: ImageManifest,
  errors: FieldError[],
): PinnedImage {
  const files: Record<string, { sizeBytes: number; sha256: string }> = {};
  const wanted = [
    ["kernel", document.kernel] as const,
    ...(document.initrds ?? []).flatMap((initrd, i) => {
      const path = initrdFile(initrd);
      return path === undefined ? [] : [[`initrds[${i}]`, path] as const];
    }),
  ];
  for (const [field, path] of wanted) {
    const file = manifest.files[path];
    if (file === undefined) errors.push({ field, message: `image "${name}" holds no file "${path}"` });
    else files[path] = { sizeBytes: file.sizeBytes, sha256: file.sha256 };
  }
  return { name, revision, files };
}

function notArrived(kind: RevisionKind, name: string, revision: string): LoadResult<never> {
  const what = `${kind} ${name}@${revision}`;
  return { kind: "failed", failure: { kind: "not-arrived", what } };
}

import type { KernelProfile, Profile } from "../../core/boot/model.ts";
import { fail, ok, type FieldError, type Result } from "../problem.ts";
import { findHead } from "./heads.ts";
import { resolveProfiles } from "./profile-pins.ts";

/** The revisions that a kernel's profile means now. */
export type KernelReferences = {
  readonly templates: Readonly<Record<string, string>>;
  readonly image: string;
};

/** The present revisions of all that a kernel's profile names; `invalid`, naming all that does not exist. */
export function resolveKernel(sql: SqlStorage, profile: KernelProfile): Result<KernelReferences> {
  const errors: FieldError[] = [];
  const templates: Record<string, string> = {};
  for (const [file, { template }] of Object.entries(profile.answers ?? {})) {
    const head = findHead(sql, "template", template);
    if (head !== null) templates[template] = head.revision;
    else errors.push({ field: `answers.${file}.template`, message: `there is no template "${template}"` });
  }
  const image = findHead(sql, "image", profile.image);
  if (image === null) errors.push({ field: "image", message: `there is no image "${profile.image}"` });
  if (image !== null && errors.length === 0) return ok({ templates, image: image.revision });
  return fail("invalid", errors.map(({ message }) => message).join("; "), errors);
}

/** Whatever a profile names that there is not, or that cannot be used so. */
export function checkProfile(sql: SqlStorage, profile: Profile): FieldError[] {
  switch (profile.mode) {
    case "live":
      return missingOfKernel(sql, profile);
    case "install": {
      const { rescue } = profile;
      const isLive = rescue === undefined || resolveProfiles(sql, [rescue])[rescue]?.mode === "live";
      return [
        ...missingOfKernel(sql, profile),
        ...(isLive ? [] : [{ field: "rescue", message: `there is no profile "${rescue}" of mode live` }]),
      ];
    }
    case "menu":
      return profile.items.flatMap(({ key, profile: item }, i): FieldError[] => {
        if (item === undefined) return [];
        const field = `items[${i}].profile`;
        const mode = resolveProfiles(sql, [item])[item]?.mode;
        if (mode === undefined) return [{ field, message: `there is no profile "${item}"` }];
        if (mode === "menu") return [{ field, message: `"${item}" is a menu: a menu holds no menus` }];
        if (mode === "install" && key === profile.default) {
          return [{ field: "default", message: `"${item}" installs: time alone must not wipe a disk` }];
        }
        return [];
      });
    case "chain":
    case "san":
    case "local":
      return [];
  }
}

function missingOfKernel(sql: SqlStorage, profile: KernelProfile): FieldError[] {
  const resolved = resolveKernel(sql, profile);
  return resolved.ok ? [] : (resolved.problem.errors ?? []);
}

import type { Profile } from "../core/boot/model.ts";
import { parseTemplate } from "../core/render/parse.ts";
import { secretNames } from "../core/render/secret-names.ts";
import { sanSecrets } from "./site-object/render.ts";

/** What a revision of a profile or a template names; whatever those names stand for. */
export type References = {
  /** Of a profile. */
  readonly mode?: Profile["mode"];
  readonly image?: string;
  readonly templates?: readonly string[];
  /** Profiles of a menu's items, or the one for rescue. */
  readonly profiles?: readonly string[];
  readonly secrets?: readonly string[];
};

export function profileReferences(profile: Profile): References {
  const { mode } = profile;
  switch (mode) {
    case "install":
    case "live": {
      const templates = Object.values(profile.answers ?? {}).map(({ template }) => template);
      const rescue = mode === "install" ? profile.rescue : undefined;
      return {
        mode,
        image: profile.image,
        templates: [...new Set(templates)],
        ...(rescue !== undefined && { profiles: [rescue] }),
      };
    }
    case "menu": {
      const named = profile.items.flatMap((item) => item.profile ?? []);
      return { mode, profiles: [...new Set(named)] };
    }
    case "san":
      return { mode, secrets: sanSecrets(profile) };
    case "chain":
    case "local":
      return { mode };
  }
}

/** @throws TemplateError */
export function templateReferences(text: string): References {
  return { secrets: secretNames(parseTemplate(text)) };
}

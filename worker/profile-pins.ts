import type { Profile } from "../core/boot/model.ts";

/** What a profile's name, and the names in it, stood for at one instant. */
export type ProfilePins = {
  readonly revision: string;
  readonly mode: Profile["mode"];
  /** Revisions by name; `null`: the name stood for nothing. */
  readonly templates: Readonly<Record<string, string | null>>;
  readonly image: { readonly name: string; readonly revision: string | null } | null;
  /** Those that it names, or its templates, encrypted. */
  readonly secrets: Readonly<Record<string, string>>;
};

/** By name; a name that stood for nothing is absent. */
export type ProfilePinSet = Readonly<Record<string, ProfilePins>>;

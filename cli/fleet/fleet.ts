import type { FleetProblem, Locate, Place } from "./place.ts";

/** A document of the API as a fleet's files say it, and where. */
export type FleetDocument = {
  readonly name: string;
  readonly document: Readonly<Record<string, unknown>>;
  readonly locate: Locate;
};

/** An image; `localFiles`: files on this computer, by their path in the image. */
export type FleetImage = FleetDocument & { readonly localFiles: ReadonlyMap<string, string> };

export type DocumentKind = "template" | "image" | "profile";

/** All that a folder says of a fleet. What could not be read is in `problems`, and left out elsewhere. */
export type Fleet = {
  readonly sites: readonly FleetDocument[];
  /** By the name of their site. */
  readonly machines: ReadonlyMap<string, readonly FleetDocument[]>;
  readonly templates: readonly FleetDocument[];
  readonly images: readonly FleetImage[];
  readonly profiles: readonly FleetDocument[];
  /** Names that the fleet needs a value of. */
  readonly secrets: readonly (Place & { readonly name: string })[];
  readonly problems: readonly FleetProblem[];
  /** What was left out, and does no harm. */
  readonly notices: readonly FleetProblem[];
  /** Documents whose files could not be read: `KIND NAME`. What names them is not at fault. */
  readonly unreadable: ReadonlySet<string>;
};

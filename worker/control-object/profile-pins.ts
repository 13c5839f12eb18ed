import type { ProfilePins, ProfilePinSet } from "../profile-pins.ts";
import type { References } from "../references.ts";
import { findHead } from "./heads.ts";
import { referencesOf } from "./references.ts";
import { sealedSecrets } from "./secrets.ts";

/** A name that something depends on. */
export type Dependency = {
  readonly kind: "profile" | "template" | "image" | "secret";
  readonly name: string;
};

/**
 * What the names stand for at this instant, with all that booting them unarmed
 * needs: the profiles of a menu's items, and the rescue of those that install.
 * A profile that installs and stands in no menu needs an order, which takes its
 * own; of it only the mode is given.
 */
export function resolveProfiles(sql: SqlStorage, names: readonly string[]): ProfilePinSet {
  const pins: Record<string, ProfilePins> = {};
  walk(sql, names, (name, { revision, references }, whole) => {
    const { mode = "install", image } = references;
    const templates = whole ? (references.templates ?? []) : [];
    pins[name] = {
      revision,
      mode,
      templates: Object.fromEntries(templates.map((one) => [one, headOf(sql, "template", one)])),
      image: whole && image !== undefined ? { name: image, revision: headOf(sql, "image", image) } : null,
      secrets: sealedSecrets(sql, secretsOf(sql, references, templates)),
    };
  });
  return pins;
}

/** Every name whose move changes what `resolveProfiles` gives. */
export function dependenciesOf(sql: SqlStorage, names: readonly string[]): Dependency[] {
  const found: Dependency[] = names.map((name) => ({ kind: "profile", name }));
  walk(sql, names, (name, { references }, whole) => {
    found.push({ kind: "profile", name });
    for (const profile of references.profiles ?? []) found.push({ kind: "profile", name: profile });
    if (!whole) return;
    const templates = references.templates ?? [];
    for (const template of templates) found.push({ kind: "template", name: template });
    for (const secret of secretsOf(sql, references, templates)) found.push({ kind: "secret", name: secret });
    if (references.image !== undefined) found.push({ kind: "image", name: references.image });
  });
  return found;
}

function walk(
  sql: SqlStorage,
  names: readonly string[],
  visit: (name: string, head: NonNullable<ReturnType<typeof referencesOf>>, whole: boolean) => void,
): void {
  const visited = new Set<string>();
  const follow = (name: string, named: boolean): void => {
    if (visited.has(name)) return;
    const head = referencesOf(sql, "profile", name);
    if (head === null) return;
    const whole = named || (head.references.mode ?? "install") !== "install";
    // One that is named later on is then met again, and whole.
    if (whole) visited.add(name);
    visit(name, head, whole);
    if (whole) for (const profile of head.references.profiles ?? []) follow(profile, true);
  };
  for (const name of names) follow(name, false);
}

function secretsOf(sql: SqlStorage, { secrets = [] }: References, templates: readonly string[]): string[] {
  const named = templates.flatMap(
    (template) => referencesOf(sql, "template", template)?.references.secrets ?? [],
  );
  return [...new Set([...secrets, ...named])];
}

function headOf(sql: SqlStorage, kind: "template" | "image", name: string): string | null {
  return findHead(sql, kind, name)?.revision ?? null;
}

import type { Mac } from "../../core/addresses.ts";
import { isActive, isHeld } from "../../core/boot/attempt.ts";
import type { ChainProfile, MenuItem, MenuProfile, SanProfile } from "../../core/boot/model.ts";
import { loadPinned, type LoadFailure, type ReadRevision } from "../load-pinned.ts";
import type { ProfilePins } from "../profile-pins.ts";
import { openSecrets } from "../secret-box.ts";
import { findLatestAttempt } from "./attempts.ts";
import { findByMac } from "./machines.ts";
import { siteIdentity } from "./meta.ts";
import type { Pinned } from "./pinned.ts";
import { hashPins, type HashedPins } from "./pins.ts";
import { findPins, profileOf } from "./profiles.ts";
import { openPinnedSecrets } from "./render.ts";

/** What was chosen in a menu. */
export type MenuChoice = {
  readonly item: string;
  /** Of the token of the menu that was shown; SHA-256, hexadecimal. */
  readonly tokenHash: string;
};

/** What a machine boots while nothing is armed, with all that needs. */
export type UnarmedProfile =
  | { readonly kind: "none" | "no-such-item" }
  | { readonly kind: "missing"; readonly detail: string }
  | {
      /** `install`: only by a choice. */
      readonly kind: "live" | "install";
      readonly pins: HashedPins;
      /** In plain, all that its templates name. */
      readonly secrets: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "chain";
      readonly name: string;
      readonly revision: string;
      readonly document: ChainProfile;
    }
  | {
      readonly kind: "san";
      readonly name: string;
      readonly revision: string;
      readonly document: SanProfile;
      /** In plain, all that it names. */
      readonly secrets: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "menu";
      readonly name: string;
      readonly revision: string;
      readonly document: MenuProfile;
    };

type Reading = {
  readonly sql: SqlStorage;
  readonly read: ReadRevision;
  /** See `openSecrets`. */
  readonly secretKeys: string;
};

/**
 * Reads what the machine boots unless something is armed: by the revisions that
 * the site was told last, from KV. Before the transaction that decides, because
 * it awaits; a machine that is armed, or held after a failure, needs none of it.
 */
export async function readUnarmed(
  reading: Reading,
  mac: Mac,
  choice: MenuChoice | null,
): Promise<UnarmedProfile> {
  const { sql } = reading;
  const machine = findByMac(sql, mac);
  if (machine === null) return { kind: "none" };
  const latest = findLatestAttempt(sql, machine.id);
  if (latest !== null && (isActive(latest) || isHeld(latest))) return { kind: "none" };
  const name = profileOf(siteIdentity(sql), machine);
  if (name === undefined) return { kind: "none" };
  const boot = await readProfile(reading, name);
  if (choice === null || boot.kind !== "menu") return boot.kind === "install" ? { kind: "none" } : boot;
  const item = boot.document.items.find(({ key }) => key === choice.item);
  return item === undefined ? { kind: "no-such-item" } : await readItem(reading, item);
}

async function readItem(reading: Reading, { profile }: MenuItem): Promise<UnarmedProfile> {
  if (profile === undefined) return { kind: "no-such-item" };
  const pins = findPins(reading.sql, profile);
  if (pins?.mode === "menu") return { kind: "no-such-item" };
  return pins?.mode === "install"
    ? await readKernel(reading, "install", profile, pins)
    : await readProfile(reading, profile);
}

async function readSan(
  { read, secretKeys }: Reading,
  name: string,
  { revision, secrets }: ProfilePins,
): Promise<UnarmedProfile> {
  const document = await read<SanProfile>("profile", revision);
  if (document === null) return gone(name, revision);
  const opened = await openSecrets(secretKeys, secrets);
  if (!opened.ok) return { kind: "missing", detail: opened.problem.detail };
  return { kind: "san", name, revision, document, secrets: opened.value };
}

async function readProfile(reading: Reading, name: string): Promise<UnarmedProfile> {
  const pins = findPins(reading.sql, name);
  if (pins === null) return { kind: "missing", detail: `there is no profile "${name}"` };
  const { revision, mode } = pins;
  switch (mode) {
    case "install":
    case "local":
      return { kind: "none" };
    case "live":
      return await readKernel(reading, mode, name, pins);
    case "san":
      return await readSan(reading, name, pins);
    case "chain": {
      const document = await reading.read<ChainProfile>("profile", revision);
      return document === null ? gone(name, revision) : { kind: mode, name, revision, document };
    }
    case "menu": {
      const document = await reading.read<MenuProfile>("profile", revision);
      return document === null ? gone(name, revision) : { kind: mode, name, revision, document };
    }
  }
}

async function readKernel(
  { sql, read, secretKeys }: Reading,
  kind: "live" | "install",
  name: string,
  pins: ProfilePins,
): Promise<UnarmedProfile> {
  const loaded = await loadPinned(read, name, pins, {});
  if (loaded.kind === "failed") return { kind: "missing", detail: describe(loaded.failure) };
  const { document } = loaded.value.profile;
  const rescue = document.mode === "install" ? document.rescue : undefined;
  const pinned = rescue === undefined ? loaded.value : await withRescue({ sql, read }, loaded.value, rescue);
  if ("missing" in pinned) return { kind: "missing", detail: pinned.missing };
  const secrets = await openPinnedSecrets(secretKeys, pinned);
  if (!secrets.ok) return { kind: "missing", detail: secrets.problem.detail };
  return { kind, pins: await hashPins(pinned), secrets: secrets.value };
}

async function withRescue(
  { sql, read }: Pick<Reading, "sql" | "read">,
  pinned: Pinned,
  name: string,
): Promise<Pinned | { readonly missing: string }> {
  const pins = findPins(sql, name);
  if (pins?.mode !== "live") return { missing: `there is no live profile "${name}"` };
  const rescue = await loadPinned(read, name, pins, {});
  return rescue.kind === "failed"
    ? { missing: describe(rescue.failure) }
    : { ...pinned, rescue: rescue.value };
}

function gone(name: string, revision: string): UnarmedProfile {
  return { kind: "missing", detail: describe({ kind: "not-arrived", what: `profile ${name}@${revision}` }) };
}

function describe(failure: LoadFailure): string {
  return failure.kind === "not-arrived"
    ? `${failure.what} has not arrived in this place's KV`
    : failure.errors.map(({ message }) => message).join("; ");
}

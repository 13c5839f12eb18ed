import { mkdir, readdir, readFile, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";

import type { RelayImageManifest } from "../../core/relay-protocol/image-manifest.ts";
import { replaceFile } from "../control-plane/atomic-file.ts";
import type { ControlPlaneClient } from "../control-plane/client.ts";
import { imageManifestSchema } from "../control-plane/schema.ts";

/** What came of a look-up. */
export type ManifestOutcome =
  | { readonly kind: "found"; readonly manifest: RelayImageManifest }
  | { readonly kind: "unknown" }
  | { readonly kind: "unavailable"; readonly reason: string };

/** What images hold, by revision: asked for once, then kept, also for when the WAN is down. */
export type Manifests = {
  /** Never throws. */
  get(revision: string): Promise<ManifestOutcome>;
};

export type ManifestsOptions = {
  readonly client: Pick<ControlPlaneClient, "fetchImageManifest">;
  readonly folder: string;
  readonly log: Logger;
};

/** In memory; the least recently used give way. */
const MAX_IN_MEMORY = 32;
/** On the disk; those written last are kept. */
const MAX_ON_DISK = 500;

/** A revision never changes, so a manifest that is here is never asked for again. */
export function createManifests({ client, folder, log }: ManifestsOptions): Manifests {
  const held = new Map<string, Promise<ManifestOutcome>>();

  async function find(revision: string): Promise<ManifestOutcome> {
    const kept = await read(revision);
    if (kept !== undefined) return { kind: "found", manifest: kept };
    const outcome = await client.fetchImageManifest(revision);
    switch (outcome.kind) {
      case "ok":
        await write(revision, outcome.value);
        return { kind: "found", manifest: outcome.value };
      case "bad-answer":
        if (outcome.status === 404) return { kind: "unknown" };
        return { kind: "unavailable", reason: outcome.reason };
      case "unauthorized":
        return { kind: "unavailable", reason: "credentials refused; run `pxedge relay join` again" };
      case "unreachable":
        return { kind: "unavailable", reason: outcome.reason };
    }
  }

  async function read(revision: string): Promise<RelayImageManifest | undefined> {
    const path = join(folder, `${revision}.json`);
    try {
      return imageManifestSchema.parse(JSON.parse(await readFile(path, "utf8")));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
        log.warn({ err: error, path }, "an image's manifest cannot be read; it is fetched anew");
      }
      return undefined;
    }
  }

  async function write(revision: string, manifest: RelayImageManifest): Promise<void> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await replaceFile(join(folder, `${revision}.json`), JSON.stringify(manifest));
      await prune();
    } catch (error) {
      log.warn({ err: error, folder }, "an image's manifest cannot be kept: it is fetched after a restart");
    }
  }

  async function prune(): Promise<void> {
    const names = await readdir(folder);
    if (names.length <= MAX_ON_DISK) return;
    const dated = await Promise.all(
      names.map(async (name) => ({ name, writtenAt: (await stat(join(folder, name))).mtimeMs })),
    );
    const oldest = dated.sort((a, b) => a.writtenAt - b.writtenAt).slice(0, names.length - MAX_ON_DISK);
    for (const { name } of oldest) await unlink(join(folder, name));
  }

  return {
    async get(revision) {
      // As the control plane mints them: it names a file here.
      if (!/^[0-9a-f]{32}$/.test(revision)) return { kind: "unknown" };
      const looking = held.get(revision) ?? find(revision);
      held.delete(revision);
      held.set(revision, looking);
      if (held.size > MAX_IN_MEMORY) held.delete(held.keys().next().value!);
      const outcome = await looking;
      if (outcome.kind !== "found") held.delete(revision);
      return outcome;
    },
  };
}

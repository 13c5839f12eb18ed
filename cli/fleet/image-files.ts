import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { showProgress } from "../terminal/progress.ts";
import type { Fleet, FleetImage } from "./fleet.ts";
import type { FleetProblem } from "./place.ts";

/** A file of this computer, and one place in an image that it is for. */
export type ImageFile = {
  readonly file: string;
  readonly sizeBytes: number;
  readonly image: string;
  readonly path: string;
};

/** The images as the API takes them; `fileOf`: by hash. */
export type HashedImages = {
  readonly images: readonly FleetImage[];
  readonly fileOf: ReadonlyMap<string, ImageFile>;
  readonly problems: readonly FleetProblem[];
};

/** What a file had for a hash when it was last looked at, by its absolute path. */
type Remembered = Record<string, { mtimeMs: number; sizeBytes: number; sha256: string }>;

/** Hashes the images' files of this computer; one that has not changed since is not read again. */
export async function hashImageFiles({ images }: Fleet, env: NodeJS.ProcessEnv): Promise<HashedImages> {
  const memory = createMemory(env);
  const fileOf = new Map<string, ImageFile>();
  const problems: FleetProblem[] = [];
  const hashed: FleetImage[] = [];
  for (const image of images) {
    const files: Record<string, unknown> = { ...(image.document["files"] as Record<string, unknown>) };
    for (const [path, file] of image.localFiles) {
      const { sha256, sizeBytes } = await memory.hashOf(file);
      const said = files[path] as { sha256?: unknown };
      if (said.sha256 !== undefined && said.sha256 !== sha256) {
        const message = `${file} has the hash ${sha256}, and not the one that is said here`;
        problems.push({ ...image.locate(`files.${path}.sha256`), field: `files.${path}.sha256`, message });
      }
      files[path] = { ...said, sha256 };
      fileOf.set(sha256, { file, sizeBytes, image: image.name, path });
    }
    hashed.push({ ...image, document: { ...image.document, files } });
  }
  memory.save();
  return { images: hashed, fileOf, problems };
}

function createMemory(env: NodeJS.ProcessEnv) {
  const cache = env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache");
  const path = join(cache, "pxedge", "file-hashes.json");
  const known = readMemory(path);
  let changed = false;
  return {
    async hashOf(file: string): Promise<{ sha256: string; sizeBytes: number }> {
      const { mtimeMs, size: sizeBytes } = statSync(file);
      const key = resolve(file);
      const before = known[key];
      if (before?.mtimeMs === mtimeMs && before.sizeBytes === sizeBytes) return before;
      const sha256 = await hashFile(file, sizeBytes);
      changed = true;
      known[key] = { mtimeMs, sizeBytes, sha256 };
      return known[key];
    },
    save(): void {
      if (!changed) return;
      try {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, JSON.stringify(known));
      } catch (error) {
        // What is not remembered is read again.
        process.stderr.write(`hashes are not remembered: ${(error as Error).message}\n`);
      }
    },
  };
}

function readMemory(path: string): Remembered {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Remembered;
  } catch {
    // There is none yet, or it is damaged: files are read.
    return {};
  }
}

async function hashFile(file: string, sizeBytes: number): Promise<string> {
  const progress = showProgress(`reading ${file}`, sizeBytes);
  const hash = createHash("sha256");
  let done = 0;
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      progress.update((done += chunk.length));
    }
  } finally {
    progress.end();
  }
  return hash.digest("hex");
}

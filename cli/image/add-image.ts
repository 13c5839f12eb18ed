import { createHash } from "node:crypto";
import { ApiError, type ApiClient, type Json } from "../api-client.ts";
import { inTurns } from "../in-turns.ts";
import { formatBytes, type Progress } from "../terminal/progress.ts";
import { uploadSource } from "../upload.ts";
import { UsageError } from "../usage-error.ts";
import type { ByteSource } from "./byte-source.ts";
import type { UpstreamFile } from "./upstream-file.ts";

/** What an image is made of. */
export type ImageContents = {
  /** Files to be uploaded, by their path in the image. */
  readonly files: ReadonlyMap<string, ByteSource>;
  /** Files that stay where they are. */
  readonly upstream: ReadonlyMap<string, UpstreamFile>;
  /** Where those may come from. */
  readonly origins: readonly string[];
};

/** What became of a file. */
export type AddedFile = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** `kept`: the control plane had these bytes already; `upstream`: they live elsewhere. */
  readonly how: "uploaded" | "kept" | "upstream";
};

export type ShowProgress = (label: string, totalBytes: number) => Progress;

const READ_BYTES = 4 << 20;
/** The API takes images of at most so many bytes. */
const MAX_DOCUMENT_BYTES = 4 << 20;

/**
 * Makes a revision of an image. Files are told apart by their hash: what the
 * control plane has is not sent again, nor is one twice that has two names.
 *
 * @param name percent-encoded, as it stands in a URL
 * @returns what the API answered, and each file
 * @throws ApiError, UsageError
 */
export async function addImage(
  api: ApiClient,
  name: string,
  contents: ImageContents,
  showProgress: ShowProgress,
): Promise<{ readonly result: Json; readonly files: readonly AddedFile[] }> {
  const hashes = await hashAll(contents.files, showProgress);
  const document = {
    files: {
      ...Object.fromEntries([...hashes].map(([path, sha256]) => [path, { sha256 }])),
      ...Object.fromEntries(contents.upstream),
    },
    ...(contents.origins.length > 0 && { origins: contents.origins }),
  };
  const documentBytes = Buffer.byteLength(JSON.stringify(document));
  if (documentBytes > MAX_DOCUMENT_BYTES) {
    throw new UsageError(
      `${hashes.size} files are more than an image can name (${formatBytes(documentBytes)} of ` +
        `${formatBytes(MAX_DOCUMENT_BYTES)}): take the distribution's smaller ISO (boot, netinst, minimal) and a package mirror`,
    );
  }
  const put = async () => await api.request("PUT", `/images/${name}`, document);

  let result: Json;
  let missing = new Set<string>();
  try {
    result = await put();
  } catch (error) {
    missing = missingFiles(error, hashes);
    if (missing.size === 0) throw error;
    await uploadAll(api, name, uniqueBytes(missing, hashes, contents.files), showProgress);
    result = await put();
  }
  const local = [...contents.files].map(([path, { sizeBytes }]) => ({
    path,
    sizeBytes,
    sha256: hashes.get(path)!,
    how: missing.has(path) ? ("uploaded" as const) : ("kept" as const),
  }));
  const elsewhere = [...contents.upstream].map(([path, { sizeBytes, sha256 }]) => ({
    path,
    sizeBytes,
    sha256,
    how: "upstream" as const,
  }));
  return { result, files: [...local, ...elsewhere] };
}

async function hashAll(
  files: ReadonlyMap<string, ByteSource>,
  showProgress: ShowProgress,
): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  const progress = showProgress("reading", totalBytes(files.values()));
  let done = 0;
  try {
    for (const [path, source] of files) {
      const hash = createHash("sha256");
      for (let position = 0; position < source.sizeBytes;) {
        const bytes = await source.read(position, READ_BYTES);
        if (bytes.length === 0) throw new Error(`${path} became shorter while it was read`);
        hash.update(bytes);
        position += bytes.length;
        progress.update((done += bytes.length));
      }
      hashes.set(path, hash.digest("hex"));
    }
  } finally {
    progress.end();
  }
  return hashes;
}

/** The files that the control plane does not have, where that is all that it refuses. */
function missingFiles(error: unknown, hashes: ReadonlyMap<string, string>): Set<string> {
  const missing = new Set<string>();
  if (!(error instanceof ApiError) || error.status !== 422) return missing;
  for (const { field } of error.fields) {
    const [, path] = /^files\.(.+)\.sha256$/.exec(field) ?? [];
    if (path === undefined || !hashes.has(path)) return new Set();
    missing.add(path);
  }
  return missing;
}

/** One path for each distinct content. */
function uniqueBytes(
  paths: ReadonlySet<string>,
  hashes: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, ByteSource>,
): Map<string, ByteSource> {
  const byHash = new Map([...paths].map((path) => [hashes.get(path)!, path]));
  return new Map([...byHash.values()].map((path) => [path, files.get(path)!]));
}

/** Several at a time, as small files wait for the network. @throws the first failure, once those that had begun have ended */
async function uploadAll(
  api: ApiClient,
  image: string,
  files: ReadonlyMap<string, ByteSource>,
  showProgress: ShowProgress,
): Promise<void> {
  const label = files.size === 1 ? `uploading ${[...files.keys()][0]}` : `uploading ${files.size} files`;
  const progress = showProgress(label, totalBytes(files.values()));
  const arrived = new Map<string, number>();
  let sum = 0;
  const uploadOne = async ([path, source]: readonly [string, ByteSource]) =>
    await uploadSource(api, { image, path, source }, (bytes) => {
      sum += bytes - (arrived.get(path) ?? 0);
      arrived.set(path, bytes);
      progress.update(sum);
    });
  try {
    await inTurns([...files], uploadOne);
  } finally {
    progress.end();
  }
}

function totalBytes(sources: Iterable<ByteSource>): number {
  let sum = 0;
  for (const { sizeBytes } of sources) sum += sizeBytes;
  return sum;
}

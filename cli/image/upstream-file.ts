import { createHash } from "node:crypto";
import { basename } from "node:path";
import { describeFailure } from "../../relay/control-plane/answer.ts";
import { UsageError } from "../usage-error.ts";

/** A file that stays where it is, as an image's document names it. */
export type UpstreamFile = {
  readonly url: string;
  readonly sha256: string;
  readonly sizeBytes: number;
};

/** A file's address as it is typed, `https://…/linux#sha256=HEX`, where the hash may be left out. */
export type UpstreamAddress = {
  readonly url: string;
  readonly sha256: string | undefined;
  /** The last part of its path. */
  readonly name: string;
};

/** Whether a file's name is the address of one that lives elsewhere. */
export function isUpstream(file: string): boolean {
  return /^https?:\/\//i.test(file);
}

/** @throws UsageError */
export function parseUpstreamAddress(text: string): UpstreamAddress {
  if (!URL.canParse(text)) throw new UsageError(`${text} is no address of a file`);
  const url = new URL(text);
  if (url.protocol !== "https:") throw new UsageError(`${text}: files that live elsewhere come by https://`);
  const [, sha256] = /^#sha256=([0-9a-f]{64})$/i.exec(url.hash) ?? [];
  if (url.hash !== "" && sha256 === undefined) {
    throw new UsageError(`${text}: what follows # must be sha256= and 64 hexadecimal digits`);
  }
  url.hash = "";
  const name = decodeURIComponent(basename(url.pathname));
  if (name === "") throw new UsageError(`${text} names a folder, not a file`);
  return { url: url.href, sha256: sha256?.toLowerCase(), name };
}

/** What was learned of a file where it lives. */
export type Examined = {
  readonly file: UpstreamFile;
  /** Every origin that was asked, redirects included: an image must list them. */
  readonly origins: readonly string[];
  /** Whether the hash is of what came just now, as none was given. */
  readonly isHashLearned: boolean;
};

/** As many as the control plane follows. */
const MAX_REDIRECTS = 3;

/**
 * Asks where a file lives for its size; where no hash was given, all of it is
 * read once. The control plane reads it again, and refuses it where it is another one.
 *
 * @param onProgress told how many bytes were read, of how many
 * @throws Error with a sentence
 */
export async function examineUpstream(
  { url, sha256 }: UpstreamAddress,
  onProgress: (readBytes: number, totalBytes: number) => void = () => undefined,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): Promise<Examined> {
  const origins = new Set<string>();
  const ask = async (method: "GET" | "HEAD") => await follow(url, method, origins, fetch);
  if (sha256 !== undefined) {
    const head = await ask("HEAD");
    const length = Number(head.headers.get("content-length") ?? "0");
    if (length > 0) {
      return { file: { url, sha256, sizeBytes: length }, origins: [...origins], isHashLearned: false };
    }
  }
  const response = await ask("GET");
  const announced = Number(response.headers.get("content-length") ?? "0");
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const piece of response.body ?? []) {
    hash.update(piece);
    sizeBytes += piece.length;
    onProgress(sizeBytes, Math.max(announced, sizeBytes));
  }
  const found = hash.digest("hex");
  if (sha256 !== undefined && found !== sha256) {
    throw new Error(`${url} has the hash ${found}, not ${sha256}`);
  }
  return {
    file: { url, sha256: found, sizeBytes },
    origins: [...origins],
    isHashLearned: sha256 === undefined,
  };
}

async function follow(
  start: string,
  method: string,
  origins: Set<string>,
  fetch: typeof globalThis.fetch,
): Promise<Response> {
  let url = start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    origins.add(new URL(url).origin);
    // Compressed on the way it would have another length.
    const headers = { "accept-encoding": "identity" };
    const response = await fetch(url, { method, headers, redirect: "manual" }).catch((cause: unknown) => {
      throw new Error(`${new URL(url).origin} cannot be reached: ${describeFailure(cause)}`, { cause });
    });
    const location = response.headers.get("location");
    if (response.ok) return response;
    await response.body?.cancel();
    if (response.status < 300 || response.status > 399 || location === null) {
      throw new Error(`${url} is answered with ${response.status}`);
    }
    url = new URL(location, url).href;
  }
  throw new Error(`${start} is redirected more than ${MAX_REDIRECTS} times`);
}

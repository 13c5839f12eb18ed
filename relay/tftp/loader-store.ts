import type { IncomingMessage } from "node:http";

import { formatMacHexhyp, parseMac, type Ipv4, type Mac } from "../../core/addresses.ts";
import { DIALECTS } from "../../core/boot/dialect.ts";
import { loaderOfFile } from "../../core/pxe/loader-file.ts";
import { encodeNetascii } from "../../core/tftp-packet/netascii.ts";
import { parseFileName } from "../boot-files/file-name.ts";
import type { InProcessClient } from "../http/in-process-client.ts";
import { memoryContent } from "./content.ts";
import type { ContentOutcome, ContentRequest, ContentStore } from "./content-store.ts";
import { NO_SUCH_FILE, NOT_OBSERVED, UNAVAILABLE_NOW } from "./refusal.ts";
import { responseContent } from "./response-content.ts";

/** A config is small; more than so much of an answer is streamed. */
const MAX_HELD_BYTES = 1024 * 1024;
/** For a small answer, and for the head of one that is streamed: less than loaders wait, which ask again meanwhile. */
const ANSWER_TIMEOUT_MS = 20_000;

export type LoaderStoreOptions = {
  readonly http: InProcessClient;
  /** The client's MAC as observed. */
  readonly macOf: (ip: Ipv4) => Mac | null;
};

/**
 * Files that are not in the folder of boot files but made for the machine that
 * asks: what boot loaders look for by themselves, and what these name in turn,
 * scripts and image files by signed path. They are what HTTP answers for the
 * same machine.
 *
 * A name of a loader's config is never looked for in the folder: a
 * distribution's own, in a tree that is served as it is, would stop at a menu.
 */
export function createLoaderStore({ http, macOf }: LoaderStoreOptions): ContentStore {
  return {
    async open(request) {
      const target = targetOf(request.name, macOf(request.client));
      if (target === undefined) return { kind: "refused", reason: "missing", message: "no loader's file" };
      if (target === "not-observed") return { kind: "not-answered", refusal: NOT_OBSERVED };
      return await fetch(http, target, request);
    },
  };
}

/** The path of HTTP that a file name stands for, or `not-observed`; `undefined` for one that is not made here. */
function targetOf(name: string, mac: Mac | null): string | undefined {
  const parsed = parseFileName(name);
  if (parsed.kind === "refused") return undefined;
  const { segments } = parsed;
  const loader = isClientPath(segments) ? "client-path" : loaderOfFile(segments);
  // A loader may look for its config in a folder with any name; what our scripts name is written as in a URL.
  if (loader === undefined || (loader === "client-path" && !/^[\x21-\x7e]+$/.test(name))) return undefined;
  if (mac === null) return "not-observed";
  switch (loader) {
    case "client-path":
      return `/${segments.join("/")}`;
    case "pxelinux":
      return `/boot/${formatMacHexhyp(mac)}/${DIALECTS.pxelinux.fileName}`;
    case "ipxe":
    case "grub":
      return `/f/${segments.map((segment) => encodeURIComponent(segment.toWellFormed())).join("/")}`;
  }
}

/** A machine's script, a file of a granted tree, or the commit of an install: what our scripts name. */
function isClientPath([first, second, third, ...more]: readonly string[]): boolean {
  // `boot/grub/grub.cfg` is GRUB's own.
  if (first === "boot")
    return parseMac(second ?? "") !== undefined && third !== undefined && more.length === 0;
  if (first === "a") return third === "commit" && more.length === 0;
  return first === "t" && more.length >= 2;
}

async function fetch(
  http: InProcessClient,
  target: string,
  { client, mode }: ContentRequest,
): Promise<ContentOutcome> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), ANSWER_TIMEOUT_MS);
  try {
    const answer = await http.get(target, client, abort.signal);
    if (answer.statusCode !== 200) {
      answer.destroy();
      return { kind: "not-answered", refusal: answer.statusCode === 404 ? NO_SUCH_FILE : UNAVAILABLE_NOW };
    }
    const sizeBytes = Number(answer.headers["content-length"] ?? NaN);
    if (!(sizeBytes > MAX_HELD_BYTES)) return await hold(answer, mode);
    if (mode === "octet") return { kind: "content", content: responseContent(answer, sizeBytes) };
    answer.destroy();
    return { kind: "too-large-for-netascii" };
  } catch {
    // The relay's HTTP side tells of what it could not do.
    return { kind: "not-answered", refusal: UNAVAILABLE_NOW };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * An answer in memory; a length that was not announced is not trusted either.
 *
 * @throws when it is cut off
 */
async function hold(answer: IncomingMessage, mode: ContentRequest["mode"]): Promise<ContentOutcome> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_HELD_BYTES) return { kind: "not-answered", refusal: UNAVAILABLE_NOW };
  }
  const bytes = Buffer.concat(chunks);
  return { kind: "content", content: memoryContent(mode === "netascii" ? encodeNetascii(bytes) : bytes) };
}

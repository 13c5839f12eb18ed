import { parseBase64Url } from "../../core/bytes.ts";
import type { RelayImageKey } from "../../core/relay-protocol/state.ts";
import { verifyImagePath } from "../../core/sign/image-path.ts";
import { verifyTreeGrant } from "../../core/sign/tree-grant.ts";

/** What a signed URL asks for, or that it is none of ours. */
export type GrantVerdict = GrantedFile | { readonly kind: "refused" };

export type GrantedFile = {
  readonly kind: "granted";
  readonly image: string;
  readonly revision: string;
  /** Decoded. */
  readonly path: string;
};

export type GrantsOptions = {
  readonly siteId: string;
  /** The site's keys as last heard; another array when they have changed. */
  readonly keys: () => readonly RelayImageKey[];
  /** Asks the control plane for newer ones; never throws. */
  readonly refreshKeys: () => Promise<unknown>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

/** Whether a URL grants an image's file, without the WAN. */
export type Grants = {
  /** At once, and with the same object each time, for a URL that was good before. */
  check(target: string): GrantVerdict | Promise<GrantVerdict>;
};

const REFUSED = { kind: "refused" } as const;
const CLOCK_SKEW_SECONDS = 60;
/** URLs known to be good; each machine has its own. */
const MAX_KNOWN = 4096;
/** A key that is not known may be a new one; who sends nonsense must not make us ask for each. */
const REFRESH_INTERVAL_MS = 5000;

/** Creates the check of `/i/…?exp&kid&sig` and `/t/EXP.KID.SIG/…`. */
export function createGrants({ siteId, keys, refreshKeys, now }: GrantsOptions): Grants {
  const known = new Map<string, { readonly expiresAt: number; readonly file: GrantedFile }>();
  let importedFrom: readonly RelayImageKey[] | undefined;
  let imported: ReadonlyMap<string, Uint8Array> = new Map();
  let refreshedAt = Number.NEGATIVE_INFINITY;
  let refreshing: Promise<unknown> | undefined;

  function currentKeys(): ReadonlyMap<string, Uint8Array> {
    const current = keys();
    if (current !== importedFrom) {
      importedFrom = current;
      imported = new Map(current.map(({ kid, key }) => [kid, parseBase64Url(key) ?? new Uint8Array()]));
      // What an old key signed is good no more.
      known.clear();
    }
    return imported;
  }

  async function verify(target: string): Promise<GrantVerdict> {
    const [path = "", ...query] = target.split("?");
    const about = { siteId, path, now: now(), clockSkewSeconds: CLOCK_SKEW_SECONDS };
    const ask = () =>
      path.startsWith("/t/")
        ? verifyTreeGrant({ ...about, keys: currentKeys() })
        : verifyImagePath({ ...about, keys: currentKeys(), query: query.join("?") });
    let verdict = await ask();
    if (verdict.kind === "refused" && verdict.reason === "unknown-key") {
      await refresh();
      verdict = await ask();
    }
    if (verdict.kind === "refused") return REFUSED;
    // What stands before the image: `i`, or `t` and the grant.
    const [image = "", revision = "", ...segments] = path.split("/").slice(path.startsWith("/t/") ? 3 : 2);
    const decoded = decode(segments);
    if (decoded === undefined) return REFUSED;
    const file: GrantedFile = { kind: "granted", image: decode([image]) ?? image, revision, path: decoded };
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value!);
    known.set(target, { expiresAt: verdict.expiresAt, file });
    return file;
  }

  /** Joins the one under way; else begins one, if the last is some time ago. */
  async function refresh(): Promise<void> {
    if (refreshing === undefined && Math.abs(now() - refreshedAt) >= REFRESH_INTERVAL_MS) {
      refreshedAt = now();
      refreshing = refreshKeys().finally(() => (refreshing = undefined));
    }
    await refreshing;
  }

  return {
    check(target) {
      currentKeys();
      const good = known.get(target);
      if (good === undefined) return verify(target);
      return now() / 1000 < good.expiresAt + CLOCK_SKEW_SECONDS ? good.file : REFUSED;
    },
  };
}

/** `undefined` for what is not percent-encoding. */
function decode(segments: readonly string[]): string | undefined {
  try {
    return segments.map(decodeURIComponent).join("/");
  } catch {
    // Below a tree, the path is the client's own.
    return undefined;
  }
}

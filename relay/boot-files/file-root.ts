import { constants, type Stats } from "node:fs";
import { access, open, realpath, stat, type FileHandle } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { FileRootError } from "./errors.ts";
import { parseFileName } from "./file-name.ts";

/** A regular file below the root. */
export type FileFound = {
  readonly kind: "found";
  /** The file itself: absolute, without symbolic links. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
};

/**
 * Why a name is not served:
 * - `missing`: there is no such file
 * - `not-a-file`: a folder, a device, a pipe
 * - `outside-root`: `..` above the root
 * - `link-outside-root`: a symbolic link on the way leads out of the root
 * - `bad-name`: empty, too long, or with control characters
 * - `unreadable`: the operating system refuses; `message` says how
 * - `root-unusable`: nothing is served, since the root is missing or unreadable
 */
export type FileRefusedReason =
  | "missing"
  | "not-a-file"
  | "outside-root"
  | "link-outside-root"
  | "bad-name"
  | "unreadable"
  | "root-unusable";

export type FileRefused = {
  readonly kind: "refused";
  readonly reason: FileRefusedReason;
  /** A sentence for the log, which may name paths; never for a client. */
  readonly message: string;
};

/** A file opened for reading, as it was at that moment; the caller closes `handle`. */
export type FileOpened = Omit<FileFound, "kind"> & { readonly kind: "opened"; readonly handle: FileHandle };

/** The one folder that boot files are served from, read-only, over TFTP and HTTP alike. */
export type FileRoot = {
  /** As configured, made absolute. */
  readonly root: string;
  /** Says whether `name` would be served; names are read by `parseFileName`. */
  stat(name: string): Promise<FileFound | FileRefused>;
  /** Opens what `stat` found, or says why not. */
  open(name: string): Promise<FileOpened | FileRefused>;
};

/**
 * Opens the folder of boot files.
 *
 * Containment is by real path: each look-up resolves every symbolic link, and
 * what lies outside the (resolved) root is refused. Links inside it work.
 * Debian's `/usr/lib/ipxe/ipxe.efi` links to `/boot/ipxe.efi`, hence is
 * refused from that root: copy it into a folder of your own. `/boot` holds
 * kernels and initrds that no LAN should read for the sake of one link.
 *
 * @throws FileRootError when the folder is missing or unreadable
 */
export async function openFileRoot(folder: string): Promise<FileRoot> {
  const problem = await findRootProblem(folder);
  if (problem !== undefined) throw problem;
  return createFileRoot(folder);
}

/**
 * The same without a look at the folder, which may be put there later: until
 * then each name is refused as `root-unusable`.
 */
export function createFileRoot(folder: string): FileRoot {
  const root = resolve(folder);
  return {
    root,
    stat: (name) => resolveBootFile(root, name),
    async open(name) {
      const found = await resolveBootFile(root, name);
      return found.kind === "found" ? openFound(found.path) : found;
    },
  };
}

/** Looks `name` up below the folder `root`; see `openFileRoot`. Never throws. */
export async function resolveBootFile(root: string, name: string): Promise<FileFound | FileRefused> {
  const parsed = parseFileName(name);
  if (parsed.kind === "refused") return refused(parsed.reason, `the name is refused: ${parsed.reason}`);
  const asked = join(root, ...parsed.segments);
  try {
    // The root is resolved each time: it may be a link that a deployment moves.
    const [realRoot, path] = await Promise.all([realpath(root), realpath(asked)]);
    // With the separator, else /srv/tftp-private would lie inside /srv/tftp.
    const prefix = realRoot.endsWith(sep) ? realRoot : realRoot + sep;
    if (!path.startsWith(prefix)) {
      return refused(
        "link-outside-root",
        `${asked} is a symbolic link to ${path}, outside of ${realRoot}: copy the file into the root`,
      );
    }
    // DHCP offers what this finds: a file that the relay may not read is not one.
    await access(path, constants.R_OK);
    return describe(path, await stat(path));
  } catch (error) {
    const problem = await findRootProblem(root);
    return problem === undefined ? refusedByError(asked, error) : refused("root-unusable", problem.message);
  }
}

async function openFound(path: string): Promise<FileOpened | FileRefused> {
  let handle: FileHandle | undefined;
  try {
    // A link or a pipe put there since the look-up must not be followed nor waited for.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const now = describe(path, await handle.stat());
    if (now.kind === "found") return { ...now, kind: "opened", handle };
    await handle.close();
    return now;
  } catch (error) {
    await handle?.close();
    return refusedByError(path, error);
  }
}

function describe(path: string, stats: Stats): FileFound | FileRefused {
  if (!stats.isFile()) return refused("not-a-file", `${path} is not a regular file`);
  return { kind: "found", path, sizeBytes: stats.size, modifiedMs: stats.mtimeMs };
}

/** What keeps a folder from being served, if anything does. */
export async function findRootProblem(folder: string): Promise<FileRootError | undefined> {
  const root = resolve(folder);
  try {
    if (!(await stat(root)).isDirectory()) {
      return new FileRootError(
        "file-root-not-a-folder",
        `${root} is not a folder: set tftp.root in relay.yaml to the folder that holds the boot files.`,
      );
    }
    await access(root, constants.R_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    if (isMissing(errorCode(error))) {
      return new FileRootError(
        "file-root-missing",
        `The folder of boot files ${root} does not exist: install the package ipxe, or set tftp.root in relay.yaml to the folder that holds them.`,
        { cause: error },
      );
    }
    return new FileRootError(
      "file-root-unreadable",
      `The folder of boot files ${root} cannot be read (${errorCode(error)}): let the relay's user read and enter it (chmod o+rx).`,
      { cause: error },
    );
  }
}

function refusedByError(path: string, error: unknown): FileRefused {
  const code = errorCode(error);
  return isMissing(code)
    ? refused("missing", `${path} does not exist`)
    : refused("unreadable", `${path} cannot be read (${code})`);
}

function isMissing(code: string): boolean {
  return code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG";
}

function refused(reason: FileRefusedReason, message: string): FileRefused {
  return { kind: "refused", reason, message };
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

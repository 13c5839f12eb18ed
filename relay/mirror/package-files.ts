/** A package never changes under its name: what ends so, or lies in such a folder. */
const IMMUTABLE =
  /\.(?:deb|udeb|ddeb|dsc|rpm|drpm|apk|pkg\.tar\.(?:zst|xz))$|\/by-hash\/|\/pool\/.*\.tar\.\w+$/;
/** Repository metadata of RPM carries its hash in its name. */
const NAMED_BY_HASH = /\/repodata\/[0-9a-f]{40,}-/;

/**
 * Lists of what a repository holds: of Debian's kind, of RPM, of apk, of
 * pacman. One that is thought fresh beside a newer other fails an install.
 */
const INDEX =
  /\/dists\/|\/repodata\/|\/(?:In)?Release(?:\.gpg)?$|\/(?:Packages|Sources)(?:\.\w+)?$|\/APKINDEX\.tar\.gz$|\.(?:db|files)(?:\.tar\.\w+)?$/;

/**
 * Whether a file of a mirror never changes. `patterns` are those that the
 * operator added: `*` stands for anything in a segment, `**` for anything.
 */
export function isImmutable(path: string, patterns: readonly string[]): boolean {
  const name = withoutQuery(path);
  return IMMUTABLE.test(name) || NAMED_BY_HASH.test(name) || patterns.some((each) => fits(each, name));
}

const compiled = new Map<string, RegExp>();

function fits(pattern: string, name: string): boolean {
  const known = compiled.get(pattern) ?? compile(pattern);
  compiled.set(pattern, known);
  return known.test(name);
}

function compile(pattern: string): RegExp {
  const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const segment = (text: string): string => text.split("*").map(literal).join("[^/]*");
  return new RegExp(`^${pattern.split("**").map(segment).join(".*")}$`);
}

export function isIndex(path: string): boolean {
  return INDEX.test(withoutQuery(path));
}

function withoutQuery(path: string): string {
  return path.split("?")[0]!;
}

import { AWKWARD } from "../awkward.ts";

/** Texts that some language takes for something else than text. */
const LOOKALIKES = [
  "true",
  "no",
  "null",
  "~",
  "0x1f",
  "1e3",
  "017",
  "1_000",
  "2001-01-01",
  "<<",
  "=",
  ".inf",
  "12:30",
  "---",
  "...",
  "%end",
  "%post",
  "]]>",
  "-->",
  "<!--",
  "&amp;",
  "${x}",
  "$x",
  "EOF",
  "endtext",
  "@core",
  "-- ",
];
const PIECES = [
  ...Array.from(" \t\n\r\\'\"`$(){}[]<>|&;#%!*?~=:,-.@^/+aB1é日😀"),
  "${",
  "$(",
  "||",
  "&&",
  "<<",
  "\\\n",
  "'\\''",
  "\n%end\n",
  ": ",
  " #",
  "\n---\n",
  "]]>",
  "--",
  "\u2028",
  "\u0085",
  "\ufeff",
  "\u00a0",
  "\ufffe",
];

/** A small, seeded generator (mulberry32), so that a failure can be repeated. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Every C0, DEL, C1 and Latin-1 character first, alone and inside a word; then random values without end. */
export function* generateValues(seed: number): Generator<string> {
  yield* AWKWARD;
  yield* LOOKALIKES;
  for (let code = 0; code < 0x180; code++) {
    yield String.fromCharCode(code);
    yield `a${String.fromCharCode(code)}b`;
  }
  const random = createRandom(seed);
  const upTo = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[upTo(list.length)]!;
  const codePoint = (): string => {
    const code = random() < 0.5 ? upTo(0x3000) : upTo(0x110000);
    return code >= 0xd800 && code < 0xe000 ? "\ufffd" : String.fromCodePoint(code);
  };
  const many = (length: number, next: () => string): string => Array.from({ length }, next).join("");
  for (;;) {
    const kind = random();
    if (kind < 0.35) yield many(1 + upTo(8), () => pick(PIECES));
    else if (kind < 0.5) yield many(1 + upTo(12), () => String.fromCharCode(32 + upTo(95)));
    else if (kind < 0.6) yield many(1 + upTo(30), () => pick(["a", "b", "-", ".", "/", "7", "é"]));
    else if (kind < 0.75) yield many(1 + upTo(8), codePoint);
    else if (kind < 0.85) yield `${pick(PIECES)}${pick(LOOKALIKES)}${pick(PIECES)}`;
    else if (kind < 0.95) yield pick(AWKWARD) + pick(PIECES) + pick(AWKWARD);
    else if (kind < 0.998)
      yield many(1 + upTo(300), () => (random() < 0.9 ? String.fromCharCode(32 + upTo(95)) : codePoint()));
    else {
      const unit = pick(["x", "ab ", "é", "'", '"', "\\", "😀", "a\n", " ", "日本"]);
      yield unit
        .repeat(65536)
        .slice(0, 1 + upTo(65536))
        .toWellFormed();
    }
  }
}

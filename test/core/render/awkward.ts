import * as fc from "fast-check";

/** Values that have broken generators of configuration before. */
export const AWKWARD = [
  "",
  " ",
  "a b",
  "  a  ",
  "it's",
  '"quoted"',
  "back\\slash",
  "trailing\\",
  "$HOME ${uuid} $(id) `id`",
  "$6$salt$hash/.",
  "${",
  "{a}",
  "#comment",
  "a # b",
  "100%",
  "a&b && c || d ; e",
  "||",
  "&&",
  ";",
  "-rf",
  "--autofree",
  "<a href='x'>&amp;</a>",
  "line\nbreak",
  "cr\rtab\t",
  "nul\0",
  "\u007f\u0085",
  "\u2028",
  "\u00a0nbsp",
  "à la carte é ü ß",
  "日本語",
  "😀",
  "*?[a]",
  "~",
  "!",
  "a=b",
  "key: value",
  "EOF",
] as const;

/** Short texts rich in characters that mean something to some parser. */
export const awkwardText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...AWKWARD),
  fc
    .array(
      fc.constantFrom(
        ...Array.from(" \t\n\\'\"`$(){}[]<>|&;#%!*?~=:,-a1éà日"),
        "${",
        "$(",
        "||",
        "&&",
        "<<",
        "\\\n",
        "'\\''",
        "😀",
      ),
      { maxLength: 8 },
    )
    .map((pieces) => pieces.join("")),
);

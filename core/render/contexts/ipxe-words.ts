/**
 * Why a value would not survive iPXE's line parser as (part of) one word, or
 * `null`. iPXE (src/core/exec.c, src/image/script.c) splits a line at white
 * space and at nothing else: it has no quotes and no escapes. It then takes
 * the words `||`, `&&`, `;` as operators and a word that starts with `#` as a
 * comment, joins lines at a final backslash, and expands `${…}` anywhere.
 *
 * @param word what the word holds before the value
 */
export function ipxeWordProblem(value: string, word: string): string | null {
  if (/\s/.test(value)) return "iPXE splits at white space and has no quotes";
  const whole = word + value;
  if (whole === "") return "iPXE cannot pass an empty word";
  if (value.includes("${") || (word.endsWith("$") && value.startsWith("{"))) {
    return "iPXE would expand ${…}, and has no escape for it";
  }
  if (value.endsWith("$")) return "a final $ could join a { behind it, which iPXE would expand";
  if (value.includes("}") && word.includes("${")) return "} would end an iPXE setting's name";
  if (value.endsWith("\\")) return "iPXE takes a final backslash as a continued line";
  if (word === "" && /^[#;|&:]/.test(value))
    return `iPXE gives a word that starts with ${value[0]} a meaning`;
  // `|` + `|` from two sources make the operator that neither is alone.
  if (/^[|&;]+$/.test(whole)) return `iPXE takes the word ${whole} as an operator`;
  return null;
}

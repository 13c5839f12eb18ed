import { parseTemplate, type ParsedTemplate } from "./parse.ts";

/**
 * A `parseTemplate` that keeps what it parsed last: parsing takes many times as
 * long as rendering, and the machines of a fleet share a few templates.
 *
 * @param maxCharacters of the texts that are kept, all together
 */
export function createTemplateParser(maxCharacters: number): (text: string) => ParsedTemplate {
  /** By text; the one that was asked for last stands last. */
  const kept = new Map<string, ParsedTemplate>();
  let characters = 0;
  return (text) => {
    const known = kept.get(text);
    kept.delete(text);
    const template = known ?? parseTemplate(text);
    kept.set(text, template);
    if (known === undefined) characters += text.length;
    for (const oldest of kept.keys()) {
      if (characters <= maxCharacters) break;
      kept.delete(oldest);
      characters -= oldest.length;
    }
    return template;
  };
}

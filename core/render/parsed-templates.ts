import type { ContextName } from "./contexts.ts";
import { parseInlineTemplate, parseTemplate, type ParsedTemplate } from "./parse.ts";

/** The two ways to parse a template, which keep what they parsed last. */
export type TemplateParser = {
  parse: typeof parseTemplate;
  parseInline: typeof parseInlineTemplate;
};

/**
 * A parser that keeps what it parsed last, with all that rendering has found
 * out about it: parsing takes many times as long as rendering, and the
 * machines of a fleet share a few templates.
 *
 * @param maxCharacters of the texts that are kept, all together
 */
export function createTemplateParser(maxCharacters: number): TemplateParser {
  /** By kind and text; the one that was asked for last stands last. */
  const kept = new Map<string, ParsedTemplate>();
  let characters = 0;
  const keep = (kind: ContextName | "", text: string, parse: () => ParsedTemplate): ParsedTemplate => {
    const key = `${kind}:${text}`;
    const known = kept.get(key);
    kept.delete(key);
    const template = known ?? parse();
    kept.set(key, template);
    if (known === undefined) characters += key.length;
    for (const oldest of kept.keys()) {
      if (characters <= maxCharacters) break;
      kept.delete(oldest);
      characters -= oldest.length;
    }
    return template;
  };
  return {
    parse: (text) => keep("", text, () => parseTemplate(text)),
    parseInline: (kind, body) => keep(kind, body, () => parseInlineTemplate(kind, body)),
  };
}

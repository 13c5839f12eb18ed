import { createTemplateParser } from "../core/render/parsed-templates.ts";

const parser = createTemplateParser(1 << 20);

/** Parses a template, or finds it among those that this isolate parsed last. @throws TemplateError */
export const parseKeptTemplate = parser.parse;

/** The same of a text whose kind is known, such as a profile's kernel arguments. @throws TemplateError */
export const parseKeptInline = parser.parseInline;

import { createTemplateParser } from "../core/render/parsed-templates.ts";

/** Parses a template, or finds it among those that this isolate parsed last. @throws TemplateError */
export const parseKeptTemplate = createTemplateParser(1 << 20);

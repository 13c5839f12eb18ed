import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { renderTemplate } from "../../core/render/render.ts";
import { readLibrary, viewFor } from "./library.ts";

const GOLDENS = fileURLToPath(new URL("goldens", import.meta.url));

describe.each(readLibrary().map(({ path, template }) => [path, template] as const))(
  "%s",
  (path, template) => {
    const examples = Object.entries(template.examples);

    test.each(examples.length === 0 ? [["least", {}] as const] : examples)(
      "as its example %s",
      async (name, variables) => {
        const text = renderTemplate(template, { ...viewFor(template), ...variables }, { name: path });
        await expect(text).toMatchFileSnapshot(`${GOLDENS}/${path}.${name}`);
      },
    );

    test("says what it is, and its examples use every variable", () => {
      expect(template.description).not.toBe("");
      const used = new Set(examples.flatMap(([, variables]) => Object.keys(variables)));
      // What has a default is in every example.
      const unused = Object.entries(template.variables).filter(
        ([variable, { default: fallback }]) => fallback === undefined && !used.has(variable),
      );
      expect(unused.map(([variable]) => variable)).toEqual([]);
    });
  },
);

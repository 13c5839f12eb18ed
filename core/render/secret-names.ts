import type { ParsedTemplate, TemplateNode } from "./parse.ts";

/** Names of the secrets that a template names as `{{secret.NAME}}`. */
export function secretNames({ nodes }: ParsedTemplate): string[] {
  const names = new Set<string>();
  const walk = (nodes: readonly TemplateNode[]): void => {
    for (const node of nodes) {
      if (node.kind === "text") continue;
      if (node.kind !== "context" && node.name.startsWith("secret."))
        names.add(node.name.slice("secret.".length));
      if (node.kind !== "value") walk(node.children);
    }
  };
  walk(nodes);
  return [...names];
}

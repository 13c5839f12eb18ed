import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Mustache from "mustache";
import { CONTEXTS } from "../core/render/contexts.ts";
import { parseTemplate, type ParsedTemplate } from "../core/render/parse.ts";
import { renderTemplate } from "../core/render/render.ts";
import { secretNames } from "../core/render/secret-names.ts";
import { declaredBy } from "../core/render/view.ts";
import { SYSTEM_VIEW } from "../test/templates/library.ts";

/**
 * `npm run bench:render`: renders a second of each template of the library with
 * its richest example, beside plain mustache with the same text, values and
 * lists, which escapes for HTML, checks nothing and knows no language. Both
 * parse once. The two take turns in the same run; the best of each counts.
 */

const LIBRARY = fileURLToPath(new URL("../templates", import.meta.url));
const ROUNDS = 8;
const ROUND_MS = 100;

type View = Readonly<Record<string, unknown>>;

/** The same values where plain mustache finds them: contexts are sections that are there, members know their place. */
function plainView(template: ParsedTemplate, view: View): View {
  const full: View = { ...declaredBy(template).defaults, ...view };
  const lists = Object.entries(full).map(([name, value]) => [
    name,
    Array.isArray(value)
      ? value.map((member: unknown, index) => ({
          "-first": index === 0,
          "-last": index === value.length - 1,
          "-index": index + 1,
          toString: () => String(member),
        }))
      : value,
  ]);
  const contexts = Object.keys(CONTEXTS).map((name) => [name, true]);
  return Object.fromEntries([...contexts, ...lists]);
}

/** Runs a second of processor time, which other work on the machine does not shorten. */
function measure(work: () => unknown): number {
  const startedAt = cpuMs();
  let runs = 0;
  let tookMs = 0;
  while (tookMs < ROUND_MS) {
    for (let i = 0; i < 50; i++) work();
    runs += 50;
    tookMs = cpuMs() - startedAt;
  }
  return (runs * 1_000) / tookMs;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

const files = readdirSync(LIBRARY, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".mustache"),
);
console.log(
  `${"template".padEnd(36)}${"bytes".padStart(7)}${"pxedge/s".padStart(11)}${"mustache/s".padStart(12)}   ratio`,
);
let worst = Number.POSITIVE_INFINITY;
for (const file of files.toSorted()) {
  const source = readFileSync(`${LIBRARY}/${file}`, "utf8");
  const template = parseTemplate(source);
  const body = source.replace(/^---\n[^]*?^---\n/m, "");
  const secret = Object.fromEntries(secretNames(template).map((name) => [name, `secret-${name}`]));
  const view = { ...SYSTEM_VIEW, secret, ...Object.values(template.examples).at(-1) };
  const plain = plainView(template, view);
  // Every machine has a name of its own.
  let count = 0;
  const machine = () => ({ ...SYSTEM_VIEW.machine, name: `web-${(count += 1)}` });
  const ours = () => renderTemplate(template, { ...view, machine: machine() }, { name: file });
  const theirs = () => Mustache.render(body, { ...plain, machine: machine() });

  let [best, bestPlain] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    best = Math.max(best, measure(ours));
    bestPlain = Math.max(bestPlain, measure(theirs));
  }
  const ratio = best / bestPlain;
  worst = Math.min(worst, ratio);
  const [rate, plainRate] = [best, bestPlain].map((each) => Math.round(each).toLocaleString("en"));
  console.log(
    file.replace(".mustache", "").padEnd(36) +
      String(ours().length).padStart(7) +
      rate!.padStart(11) +
      plainRate!.padStart(12) +
      ratio.toFixed(2).padStart(8),
  );
}
console.log(`the least: ${worst.toFixed(2)} x mustache`);

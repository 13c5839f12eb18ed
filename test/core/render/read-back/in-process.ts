import { parseDocument } from "yaml";
import { hasExpansion, parseIpxeScript } from "../ipxe-parser.ts";
import { parseKernelCommandLine } from "../kernel-command-line.ts";
import { parsePxelinux } from "./pxelinux-parser.ts";
import { hasDebconf, readThroughDebconf } from "../debconf.ts";
import type { Reader } from "./reader.ts";

function perText(name: string, read: (text: string) => readonly string[]): Reader {
  return {
    name,
    available: true,
    read: (texts) =>
      texts.map((text) => {
        try {
          return read(text);
        } catch (error) {
          return { error: String(error) };
        }
      }),
  };
}

/** All scalars of a parsed document in order, keys before their values. */
function leaves(value: unknown): string[] {
  if (value instanceof Map) return [...value].flatMap(([key, item]) => [...leaves(key), ...leaves(item)]);
  if (Array.isArray(value)) return value.flatMap(leaves);
  if (typeof value === "object" && value !== null)
    return Object.entries(value).flatMap(([key, item]) => [key, ...leaves(item)]);
  return [String(value)];
}

export const yamlPackage = perText("yaml (YAML 1.2)", (text) => {
  const document = parseDocument(text, { prettyErrors: false, logLevel: "silent" });
  if (document.errors.length > 0) throw document.errors[0]!;
  return leaves(document.toJS({ mapAsMap: true }));
});

export const jsonParse = perText("JSON.parse", (text) => leaves(JSON.parse(text)));

export const ipxePort = perText("port of iPXE's parser", (text) => {
  if (hasExpansion(text)) throw new Error("iPXE would expand a setting");
  return parseIpxeScript(text).flatMap(({ label, commands }) => [
    ...(label === null ? [] : [`:${label}`]),
    ...commands.flatMap(({ words, operator }) => [...words, ...(operator === null ? [] : [operator])]),
  ]);
});

export const kernelPort = perText("port of the kernel's next_arg", (text) =>
  parseKernelCommandLine(text).map(({ param, value }) =>
    Buffer.from(value === null ? param : `${param}=${value}`, "latin1").toString("utf8"),
  ),
);

export const pxelinuxPort = perText("port of PXELINUX's parser", (text) =>
  parsePxelinux(text).flatMap(({ directive, operand }) => [directive, operand]),
);

/** Finds the answers to a text's questions, in their order. */
export const debconf: Reader = {
  name: "debconf",
  available: hasDebconf,
  read(texts) {
    // One database takes all of them: each text's questions get names of their own.
    const questions: { readonly name: string; readonly text: number }[] = [];
    const renamed = texts.flatMap((whole, text) =>
      whole.split(/(?<!\\\r?)\n/).map((line) =>
        line.replace(/^([^\s#]\S*\s+)(\S+)/, (_, owner: string, question: string) => {
          const name = `t${text}/${question}`;
          questions.push({ name, text });
          return `${owner}${name}`;
        }),
      ),
    );
    const answers = readThroughDebconf(
      `${renamed.join("\n")}\n`,
      questions.map(({ name }) => name),
    );
    const found = texts.map((): (string | null)[] => []);
    for (const [index, { text }] of questions.entries()) found[text]!.push(answers[index]!);
    return found.map((each) =>
      each.every((answer) => answer !== null) ? each : { error: "a question without an answer" },
    );
  },
};

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

/** The question is `t/q` in every text. */
export const debconf: Reader = {
  name: "debconf",
  available: hasDebconf,
  read(texts) {
    const whole = texts.map((text, index) => text.replaceAll(" t/q ", ` t/q${index} `)).join("\n");
    const answers = readThroughDebconf(
      `${whole}\n`,
      texts.map((_, index) => `t/q${index}`),
    );
    return answers.map((answer) => (answer === null ? { error: "no answer" } : [answer]));
  },
};

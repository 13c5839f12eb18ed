import { spawnSync } from "node:child_process";
import type { Reader, Readings } from "./reader.ts";

const SCRIPT = new URL("read-back.py", import.meta.url).pathname;
/** Debian's: the one whose packages CI installs. */
const PYTHON = "/usr/bin/python3";

/** A parser of Python's, by its name in `read-back.py`. */
export function pythonReader(language: "yaml" | "toml" | "xml" | "kickstart" | "esxi", name: string): Reader {
  const run = (texts: readonly string[]): Readings => {
    const { stdout, stderr, status } = spawnSync(PYTHON, [SCRIPT, language], {
      input: JSON.stringify(texts),
      encoding: "utf8",
      maxBuffer: 1 << 30,
    });
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
    return JSON.parse(stdout) as Readings;
  };
  const imports = {
    yaml: "yaml",
    toml: "tomllib",
    xml: "xml.etree.ElementTree",
    kickstart: "shlex",
    esxi: "shlex",
  };
  return {
    name,
    available:
      process.env["PXEDGE_REQUIRE_ALL"] === "1" ||
      spawnSync(PYTHON, ["-c", `import ${imports[language]}`]).status === 0,
    read: run,
  };
}

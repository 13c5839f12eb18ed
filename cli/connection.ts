import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { isOrigin } from "../relay/config/schema.ts";
import { UsageError } from "./usage-error.ts";

/** Where the control plane is, and who asks it. */
export type Connection = {
  readonly url: string;
  readonly token: string;
  /** The site that commands are about where none is named. */
  readonly site: string | undefined;
};

type Settings = { readonly [K in "url" | "token" | "site"]?: string | undefined };

const MEMBERS = ["url", "token", "site"] as const;

/**
 * What to connect to: by flags, else by the environment (`PXEDGE_URL`,
 * `PXEDGE_TOKEN`, `PXEDGE_SITE`), else by the file that `PXEDGE_CONFIG` names
 * (`~/.config/pxedge/config.yaml` by default; `url`, `token`, `site`).
 *
 * @throws UsageError that names what is missing or wrong, and how to give it
 */
export function findConnection(flags: Settings, env: NodeJS.ProcessEnv = process.env): Connection {
  const file = readConfig(env);
  const pick = (name: (typeof MEMBERS)[number]) =>
    flags[name] ?? (env[`PXEDGE_${name.toUpperCase()}`] || undefined) ?? file[name];
  const url = pick("url");
  const token = pick("token");
  if (url === undefined) throw missing("the control plane's address", "url");
  if (!isOrigin(url))
    throw new UsageError(`"${url}" is no address of a control plane; it looks like https://pxe.example.com`);
  if (token === undefined) throw missing("a token for the control plane", "token");
  // What cannot stand in a header was pasted wrongly.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError("the token holds blanks or other odd characters");
  return { url: new URL(url).origin, token, site: pick("site") };
}

function missing(what: string, name: string): UsageError {
  return new UsageError(
    `${what} is missing: give --${name}, or set PXEDGE_${name.toUpperCase()}, or write \`${name}:\` into ${configPath(process.env)}`,
  );
}

function configPath(env: NodeJS.ProcessEnv): string {
  return (
    env["PXEDGE_CONFIG"] ||
    join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "pxedge", "config.yaml")
  );
}

function readConfig(env: NodeJS.ProcessEnv): Settings {
  const path = configPath(env);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isAbsent && !env["PXEDGE_CONFIG"]) return {};
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`);
  }
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new UsageError(`${path}: ${(error as Error).message}`);
  }
  if (document === null) return {};
  if (typeof document !== "object" || Array.isArray(document))
    throw new UsageError(`${path}: url, token and site are expected`);
  for (const [name, value] of Object.entries(document)) {
    if (!(MEMBERS as readonly string[]).includes(name))
      throw new UsageError(`${path}: "${name}" is not known; there are ${MEMBERS.join(", ")}`);
    if (typeof value !== "string") throw new UsageError(`${path}: ${name} must be text`);
  }
  return document;
}

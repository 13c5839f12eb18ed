import type { IncomingHttpHeaders } from "node:http";

import { parseMac, type Mac } from "../../core/addresses.ts";
import { dialectOfFile, type Dialect } from "../../core/boot/dialect.ts";
import type { Observation } from "../http/headers.ts";

/** A machine that asks what to boot, by whatever protocol. */
export type ScriptRequest = {
  /** `/boot/MAC/FILE`, maybe with a query, byte for byte. */
  readonly target: string;
  /** The client's own, where it has any. */
  readonly headers: IncomingHttpHeaders;
  readonly observation: Observation;
  /** Aborted when the client leaves. */
  readonly signal?: AbortSignal;
};

/** What a request for a script says, apart from what the control plane is asked. */
export type ParsedScriptTarget = {
  readonly dialect: Dialect;
  /** `undefined` for what is no MAC: the control plane answers that as it answers strangers. */
  readonly mac: Mac | undefined;
  /** What the control plane is asked: without `waited`. */
  readonly asked: string;
  /** How long the machine says it has waited, see `RetryPlan`. */
  readonly waitedSeconds: number;
  /** What was chosen in a menu. */
  readonly choice: { readonly item: string; readonly menu: string } | undefined;
};

const WAITED = /^waited=(\d{1,9})$/;
/** As the control plane writes keys and tokens: nothing that a boot loader would read as its own. */
const CHOICE_WORD = /^[A-Za-z0-9_-]{1,64}$/;

/** The dialect of `/boot/MAC/FILE`; `undefined` for a path of another form. */
export function dialectOf(path: string): Dialect | undefined {
  const [, boot, , file, ...more] = path.split("/");
  return boot === "boot" && file !== undefined && more.length === 0 ? dialectOfFile(file) : undefined;
}

/** Takes a script's path and query apart; `undefined` for a path that names no script. */
export function parseScriptTarget(target: string): ParsedScriptTarget | undefined {
  const at = target.indexOf("?");
  const path = at === -1 ? target : target.slice(0, at);
  const dialect = dialectOf(path);
  if (dialect === undefined) return undefined;
  const fields = at === -1 ? [] : target.slice(at + 1).split("&");
  const forwarded = fields.filter((field) => !WAITED.test(field));
  const value = (name: string): string | undefined =>
    fields.find((field) => field.startsWith(`${name}=`))?.slice(name.length + 1);
  const [item, menu] = [value("item"), value("menu")];
  const isChoice =
    item !== undefined && menu !== undefined && CHOICE_WORD.test(item) && CHOICE_WORD.test(menu);
  return {
    dialect,
    mac: parseMac(decodeSegment(path.split("/")[2]!)),
    asked: forwarded.length === 0 ? path : `${path}?${forwarded.join("&")}`,
    waitedSeconds: fields.reduce(
      (longest, field) => Math.max(longest, Number(WAITED.exec(field)?.[1] ?? 0)),
      0,
    ),
    choice: isChoice ? { item, menu } : undefined,
  };
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // A percent sign that encodes nothing: no MAC.
    return segment;
  }
}

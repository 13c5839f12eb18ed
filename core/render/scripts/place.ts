import { formatMacHexhyp, type Mac } from "../../addresses.ts";
import { DIALECTS, type Dialect } from "../../boot/dialect.ts";
import { ScriptError } from "./script-error.ts";

/** Where a script is run. iPXE knows all of it by itself, and by other names if need be. */
export type ScriptPlace = {
  /** Where the machine reaches its relay, e.g. `http://192.168.77.1:8080`. */
  readonly baseUrl: string;
  /** Of the interface that booted. */
  readonly mac: Mac;
};

/** `http://HOST:PORT` as its parts; a boot loader of which we know that it speaks TFTP has no TLS. */
export function relayAddress({ baseUrl }: ScriptPlace): { readonly host: string; readonly port: string } {
  const [, host, port = "80"] = /^http:\/\/([0-9.]+)(?::(\d{1,5}))?$/.exec(baseUrl) ?? [];
  if (host === undefined) {
    throw new ScriptError(
      "unsupported-plan",
      "baseUrl",
      "this boot loader needs a relay: it speaks TFTP and plain HTTP only",
    );
  }
  return { host, port };
}

/**
 * The machine's own script as a file name of TFTP, with what is to be said in
 * asking for it.
 */
export function ownScriptName(
  dialect: Dialect,
  { mac }: ScriptPlace,
  query: Readonly<Record<string, string>> = {},
): string {
  const said = Object.entries(query).map(([name, value]) => `${name}=${value}`);
  const suffix = said.length === 0 ? "" : `?${said.join("&")}`;
  return `boot/${formatMacHexhyp(mac)}/${DIALECTS[dialect].fileName}${suffix}`;
}

/** GRUB and pxelinux.0 pass on file names of so many bytes for sure. */
const MAX_TFTP_NAME_BYTES = 127;

/**
 * A plan's URL, an absolute path of the host that serves the script, as a file
 * name of TFTP: the same characters without the first slash.
 *
 * @throws ScriptError `unrenderable-value`
 */
export function tftpName(field: string, url: string): string {
  const refuse = (reason: string): never => {
    throw new ScriptError("unrenderable-value", field, reason);
  };
  if (!/^\/[\x21-\x7e]+$/.test(url)) refuse("not a path of the relay in visible ASCII");
  const name = url.slice(1);
  if (name.length > MAX_TFTP_NAME_BYTES) {
    refuse(
      `${name.length} bytes as a TFTP name, of which boot loaders pass on ${MAX_TFTP_NAME_BYTES}: ` +
        "shorten the image's name or the file's path",
    );
  }
  return name;
}

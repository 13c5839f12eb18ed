import { type DhcpOption, OPTION, textOption } from "../dhcp-packet/index.ts";
import type { BootFiles, FirmwareClass } from "../relay-protocol/state.ts";
import type { BootClient } from "./boot-client.ts";

/** What a client is told to load. */
export type BootFileChoice =
  /** A boot file by TFTP: a name under its root. */
  | { readonly kind: "file"; readonly file: string }
  /** A boot file by HTTP. */
  | { readonly kind: "url"; readonly url: string }
  /** What iPXE goes on with. */
  | { readonly kind: "script"; readonly url: string }
  | { readonly kind: "none"; readonly reason: NoBootFileReason };

/**
 * - `not-a-boot-client`: an operating system, which wants an address only
 * - `unsupported-architecture`: none, or one that has no boot files here
 * - `no-boot-file`: none of the files listed for its firmware is there
 */
type NoBootFileReason = "not-a-boot-client" | "unsupported-architecture" | "no-boot-file";

export type BootFileRequest = {
  readonly client: BootClient;
  /** The site's files, in order of preference. */
  readonly bootFiles: BootFiles;
  /** Whether a file is there to be served. */
  readonly available: (file: string) => boolean;
  /**
   * The machine's own files. For a firmware class that it names, the site's are
   * not fallen back to: a machine pinned to a signed loader must not get another.
   */
  readonly override?: BootFiles;
  /** Where iPXE finds its script, e.g. `http://192.168.77.1:8080/boot.ipxe`. */
  readonly scriptUrl: string;
  /** Where `/f/` is served for HTTP boot, without a final slash, e.g. `http://192.168.77.1:8080`. */
  readonly httpBase: string;
};

/** A row of the table below. */
type Rule = {
  readonly client: BootClient["kind"];
  /** A feature that iPXE does not name among those it has. */
  readonly lacks?: string;
  readonly loads: "script" | "file-by-tftp" | "file-by-http" | "nothing";
};

/** What who loads: the first row that fits counts. */
const RULES: readonly Rule[] = [
  // A network card's own iPXE, built without HTTP, cannot fetch its script: it loads one that can.
  { client: "ipxe", lacks: "http", loads: "file-by-tftp" },
  { client: "ipxe", loads: "script" },
  { client: "pxe", loads: "file-by-tftp" },
  { client: "http", loads: "file-by-http" },
  { client: "other", loads: "nothing" },
];

/** Chooses what a client loads: iPXE the script, others the first file available for their firmware. */
export function chooseBootFile(request: BootFileRequest): BootFileChoice {
  const { client } = request;
  const { loads } = RULES.find((rule) => fits(rule, client))!;
  if (loads === "nothing") return { kind: "none", reason: "not-a-boot-client" };
  const script = { kind: "script", url: request.scriptUrl } as const;
  if (loads === "script") return script;
  const file = firstAvailable(client, request);
  if (file !== undefined) {
    return loads === "file-by-http"
      ? { kind: "url", url: fileUrl(request.httpBase, file) }
      : { kind: "file", file };
  }
  if (client.kind === "ipxe") return script;
  return { kind: "none", reason: hasFirmware(client) ? "no-boot-file" : "unsupported-architecture" };
}

function fits({ client: kind, lacks }: Rule, client: BootClient): boolean {
  if (client.kind !== kind) return false;
  if (lacks === undefined) return true;
  // One that names no feature at all does not say what it lacks.
  return client.kind === "ipxe" && client.features.length > 0 && !client.features.includes(lacks);
}

function firstAvailable(client: BootClient, request: BootFileRequest): string | undefined {
  if (!hasFirmware(client)) return undefined;
  const files = request.override?.[client.firmware] ?? request.bootFiles[client.firmware];
  return files?.find(request.available);
}

function hasFirmware(client: BootClient): client is BootClient & { readonly firmware: FirmwareClass } {
  return client.kind !== "other" && client.firmware !== null;
}

function fileUrl(httpBase: string, file: string): string {
  // toWellFormed, as encodeURIComponent throws at half a surrogate pair.
  return `${httpBase}/f/${file.toWellFormed().split("/").map(encodeURIComponent).join("/")}`;
}

/** The parts of a reply that carry the choice; spread `siaddr` and `file`, append `options`. */
export type BootFileFields = {
  readonly siaddr: string;
  readonly file: string;
  readonly options: readonly DhcpOption[];
};

/** Room in `file` beside its NUL (RFC 2131 section 2). */
const MAX_FILE_FIELD_BYTES = 127;

/**
 * Says a choice in both ways there are, `siaddr` and `file`, options 66 and 67,
 * as some clients read only the one and some only the other. A name too long
 * for `file` is in 67 alone. Nothing is said of a choice of none.
 *
 * @param serverAddress where the boot file is served, in dotted decimal
 */
export function bootFileFields(choice: BootFileChoice, serverAddress: string): BootFileFields {
  if (choice.kind === "none") return { siaddr: "0.0.0.0", file: "", options: [] };
  const name = choice.kind === "file" ? choice.file : choice.url;
  const bootfileName = textOption(OPTION.BOOTFILE_NAME, name);
  return {
    siaddr: serverAddress,
    file: bootfileName.data.length <= MAX_FILE_FIELD_BYTES ? name : "",
    options: [textOption(OPTION.TFTP_SERVER_NAME, serverAddress), bootfileName],
  };
}

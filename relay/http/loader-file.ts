import { loaderOfFile } from "../../core/pxe/loader-file.ts";
import { renderGrubStageOne } from "../../core/render/scripts/grub-stage-one.ts";
import { renderStageOne } from "../../core/render/scripts/stage-one.ts";
import { parseFileName } from "../boot-files/file-name.ts";
import type { Observation } from "./headers.ts";

/**
 * Stage one for a boot loader that looks for it among the boot files, under a
 * name of its own; `undefined` for any other file. GRUB's names the machine, so
 * it is there for one that was observed.
 */
export function renderLoaderFile(
  name: string,
  { client, baseUrl }: Observation,
  bootWaitSeconds: number | null,
): string | undefined {
  const parsed = parseFileName(name);
  const common = { bootWaitSeconds, jitter: Math.random };
  switch (parsed.kind === "path" ? loaderOfFile(parsed.segments) : undefined) {
    case "ipxe":
      return renderStageOne({ ...common, isAutoexec: true, base: `${baseUrl}/` });
    case "grub":
      return client.mac === null ? undefined : renderGrubStageOne({ ...common, baseUrl, mac: client.mac });
    case "pxelinux":
    case undefined:
      return undefined;
  }
}

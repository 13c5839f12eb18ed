import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ApiClient } from "../api-client.ts";
import { uploadFile } from "../upload.ts";

const TEMPLATES = fileURLToPath(new URL("../../templates/", import.meta.url));

/** Names of the example fleet. */
export const EXAMPLE = {
  site: "dev",
  machine: "node1",
  mac: "52:54:00:12:34:56",
  profile: "debian-12",
  answerFile: "preseed.cfg",
} as const;

/**
 * Applies the example fleet: a site with one machine that Debian is to be
 * installed on. Applying it again changes nothing. Kernel and initrd are
 * stand-ins: a simulated machine does not run them.
 *
 * @param workDir where the stand-ins are written
 */
export async function applyExampleFleet(api: ApiClient, workDir: string): Promise<void> {
  await api.request("PUT", `/sites/${EXAMPLE.site}`, { variables: { mirrorHost: "mirror.example" } });
  await api.request("PUT", `/sites/${EXAMPLE.site}/machines/${EXAMPLE.machine}`, {
    macs: [EXAMPLE.mac],
    profile: EXAMPLE.profile,
  });
  await api.request("PUT", "/templates/preseed-debian-12", {
    text: readFileSync(join(TEMPLATES, "preseed/debian-12.mustache"), "utf8"),
  });

  mkdirSync(workDir, { recursive: true });
  const files: Record<string, { sha256: string }> = {};
  for (const [name, sizeBytes] of [
    ["linux", 256 << 10],
    ["initrd.gz", 1 << 20],
  ] as const) {
    const file = join(workDir, name);
    writeFileSync(file, standIn(name, sizeBytes));
    files[name] = {
      sha256: (await uploadFile(api, { image: "debian-12-example", path: name, file })).sha256,
    };
  }
  await api.request("PUT", "/images/debian-12-example", { files });
  await api.request("PUT", `/profiles/${EXAMPLE.profile}`, {
    mode: "install",
    image: "debian-12-example",
    kernel: "linux",
    initrds: ["initrd.gz"],
    args: `auto=true priority=critical url={{urls.answers}}${EXAMPLE.answerFile} ---`,
    answers: { [EXAMPLE.answerFile]: { template: "preseed-debian-12" } },
  });
}

/** Bytes in the place of a file that a simulated machine loads but does not run. */
export function standIn(name: string, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, `stand-in for ${name}; `);
}

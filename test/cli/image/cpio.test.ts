import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bytesSource } from "../../../cli/image/byte-source.ts";
import { cpioOf } from "../../../cli/image/cpio.ts";
import { missingNeed } from "../../relay/net/needs.ts";

const CPIO = "/usr/bin/cpio";
const missing = missingNeed({ programs: [CPIO] });

test.skipIf(missing).each([0, 1, 2, 3, 4, 5_001])("cpio unpacks a file of %i bytes", async (sizeBytes) => {
  const folder = mkdtempSync(join(tmpdir(), "pxedge-cpio-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const content = Buffer.alloc(sizeBytes, "iso");
  const archive = cpioOf("proxmox.iso", bytesSource(content));
  const input = await archive.read(0, archive.sizeBytes);
  expect(input.length % 4).toBe(0);
  execFileSync(CPIO, ["-i", "--quiet"], { cwd: folder, input });
  expect(readFileSync(join(folder, "proxmox.iso"))).toEqual(content);
});

import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApiClient, type ApiClient } from "../../cli/api-client.ts";
import { startControlPlane, type LocalControlPlane } from "../../cli/dev/control-plane.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { freePort } from "../support/lab/free-port.ts";

const PXEDGE = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const [XORRISO, GENISOIMAGE] = ["/usr/bin/xorriso", "/usr/bin/genisoimage"];
const missing = missingNeed({ programs: [XORRISO, GENISOIMAGE] });

describe.skipIf(missing !== undefined)("image add --iso", () => {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-image-iso-"));
  let controlPlane: LocalControlPlane;
  let api: ApiClient;

  beforeAll(async () => {
    const port = await freePort("127.0.0.1");
    controlPlane = await startControlPlane({ host: "127.0.0.1", port, stateDir: join(directory, "state") });
    api = createApiClient(controlPlane.url, controlPlane.adminToken);
  });
  afterAll(async () => {
    await controlPlane?.stop();
    rmSync(directory, { recursive: true });
  });

  /** A medium with these files, whose content is their path. */
  function medium(name: string, paths: readonly string[], program = XORRISO, options = ["-r"]): string {
    const tree = join(directory, name);
    for (const path of paths) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), path);
    }
    const iso = join(directory, `${name}.iso`);
    const mkisofs = program === XORRISO ? ["-as", "mkisofs"] : [];
    execFileSync(program, [...mkisofs, "-quiet", ...options, "-V", name.toUpperCase(), "-o", iso, tree], {
      stdio: "ignore",
    });
    return iso;
  }

  async function pxedge(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const env = { ...process.env, PXEDGE_URL: controlPlane.url, PXEDGE_TOKEN: controlPlane.adminToken };
    return await new Promise((resolve) => {
      execFile(process.execPath, [PXEDGE, ...args], { env }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  const hashOf = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");

  test("a tree: every file of it, and a profile that boots it", async () => {
    const packages = Array.from({ length: 30 }, (_, index) => `Packages/p/package-${index}~rc1.x86_64.rpm`);
    const paths = [
      ...packages,
      ".treeinfo",
      "images/pxeboot/vmlinuz",
      "images/pxeboot/initrd.img",
      "repodata/repomd.xml",
    ];
    const iso = medium("rocky", [...paths, "EULA (c) 2026"]);
    const added = await pxedge("image", "add", "rocky-9", "--iso", iso);
    expect(added).toMatchObject({ code: 0, stderr: "" });
    expect(added.stdout).toMatch(/^34 files {2}/);
    expect(added.stdout).toContain("Enterprise Linux or Fedora (ROCKY); a profile that boots it:");
    expect(added.stdout).toContain(
      "  kernel: images/pxeboot/vmlinuz\n  initrds:\n    - images/pxeboot/initrd.img\n" +
        "  args: inst.repo={{urls.tree}} inst.ks={{urls.answers}}ks.cfg\n",
    );
    expect(added.stdout).toContain(
      "left out, as their names cannot stand in a URL: 1 files, e.g. EULA (c) 2026",
    );

    const { files } = await api.request("GET", "/images/rocky-9");
    const expected = paths.map((path) => [path, { sizeBytes: path.length, sha256: hashOf(path) }]);
    expect(files).toEqual(Object.fromEntries(expected));

    const again = await pxedge("image", "add", "rocky-9", "--iso", iso);
    expect(again.stdout).toMatch(/^34 files .* \(34 there already\)\n/);
  });

  test("an installer that loads its medium whole gets it as one file", async () => {
    const iso = medium("ubuntu", ["casper/vmlinuz", "casper/initrd", "pool/main/a.deb"]);
    const added = await pxedge("image", "add", "ubuntu-24.04", "--iso", iso, "--json");
    expect(JSON.parse(added.stdout)).toMatchObject({
      iso: { system: "Ubuntu", kernel: "casper/vmlinuz", initrds: ["casper/initrd"] },
    });
    const { files } = await api.request("GET", "/images/ubuntu-24.04");
    expect(Object.keys(files).sort()).toEqual(["casper/initrd", "casper/vmlinuz", "ubuntu.iso"]);
    expect(files["ubuntu.iso"].sha256).toBe(hashOf(readFileSync(iso)));
  });

  test("one that looks for its medium in its initrd gets it there", async () => {
    const iso = medium("proxmox", ["boot/linux26", "boot/initrd.img", "pve-base.squashfs"]);
    const { stdout } = await pxedge("image", "add", "pve-8", "--iso", iso);
    expect(stdout).toContain("  initrds:\n    - boot/initrd.img\n    - proxmox.iso.cpio\n");
  });

  test("an unknown medium is served as it is", async () => {
    const { stdout } = await pxedge("image", "add", "other", "--iso", medium("other", ["kernel", "ramdisk"]));
    expect(stdout).toContain("OTHER: no known system; name its kernel and initrd in the profile yourself");
    expect(Object.keys((await api.request("GET", "/images/other")).files).sort()).toEqual([
      "kernel",
      "ramdisk",
    ]);
  });

  test("Windows' media are told what to do with", async () => {
    const iso = medium("windows", ["readme.txt"], GENISOIMAGE, ["-udf"]);
    const refused = await pxedge("image", "add", "windows", "--iso", iso);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toMatch(/is in UDF.*7z x FILE/);
  });

  test("what is no image is said, with its name", async () => {
    const refused = await pxedge("image", "add", "x", "--iso", PXEDGE);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`${PXEDGE} cannot be used`) });
  });
});

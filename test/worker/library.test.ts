import { reset } from "cloudflare:test";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { KernelProfile, Profile } from "../../core/boot/model.ts";
import { initrdFile } from "../../core/boot/initrd.ts";
import { parseTemplate } from "../../core/render/parse.ts";
import { secretNames } from "../../core/render/secret-names.ts";
import { createSite, done, upload } from "./control-plane.ts";

const MACHINE = {
  macs: ["52:54:00:00:00:01"],
  serial: "SERIAL0001",
  uuid: "01234567-89ab-cdef-0123-456789abcdef",
};

declare global {
  interface ImportMeta {
    /** Vite's, as far as it is used here: the texts of files, by their paths. */
    glob(pattern: string, options: { query: "?raw"; import: "default"; eager: true }): Record<string, string>;
  }
}

/** All of templates/, by path: vite reads it, as workerd has no file system. */
const TEXTS = Object.entries(
  import.meta.glob("../../templates/**/*.{mustache,yaml}", {
    query: "?raw",
    import: "default",
    eager: true,
  }),
);
const baseName = (path: string): string => path.replace(/^.*\//, "").replace(/\.\w+$/, "");
const TEMPLATES = TEXTS.filter(([path]) => path.endsWith(".mustache")).map(
  ([path, text]) => [baseName(path), text] as const,
);
const PROFILES = TEXTS.filter(([path]) => path.endsWith(".yaml")).map(
  ([path, text]) => [baseName(path), parse(text) as Profile] as const,
);

const startsKernel = (profile: Profile): profile is KernelProfile =>
  profile.mode === "install" || profile.mode === "live";

beforeAll(async () => {
  await createSite("lab", { menuInstall: true });
  await done("PUT", "/sites/lab/machines/web-1", MACHINE);

  const images = new Map<string, Set<string>>();
  for (const [, profile] of PROFILES) {
    if (!startsKernel(profile)) continue;
    const { image, kernel, initrds = [] } = profile;
    const files = [kernel, ...initrds.flatMap((initrd) => initrdFile(initrd) ?? [])];
    images.set(image, new Set([...(images.get(image) ?? []), ...files]));
  }
  for (const [image, paths] of images) {
    const files: Record<string, { sha256: string }> = {};
    for (const path of paths) files[path] = { sha256: await upload(image, path, [new Uint8Array(8)]) };
    await done("PUT", `/images/${image}`, { files });
  }
  const named = TEMPLATES.flatMap(([, text]) => secretNames(parseTemplate(text)));
  for (const name of new Set([...named, "sanChap"]))
    await done("PUT", `/secrets/${name}`, { value: "s3cret" });
  for (const [name, text] of TEMPLATES) await done("PUT", `/templates/${name}`, { text });
  // A menu names other profiles.
  const ordered = PROFILES.toSorted(([, a], [, b]) => Number(a.mode === "menu") - Number(b.mode === "menu"));
  for (const [name, profile] of ordered) await done("PUT", `/profiles/${name}`, profile);
  // Half a hundred requests, on a machine that may be busy.
}, 60_000);
afterAll(reset);

test("no two templates, and no two profiles, would take one name", () => {
  for (const library of [TEMPLATES, PROFILES]) {
    const names = library.map(([name]) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(10);
  }
});

describe.each(PROFILES)("profile %s", (name, profile) => {
  test("is taken as it is, and renders", async () => {
    const preview = await done("GET", `/sites/lab/machines/web-1/preview?profile=${name}`);
    expect(preview.problems).toEqual([]);
    expect(preview.script).toMatch(/^#!ipxe\n/);
    expect(Object.keys(preview.answers).toSorted()).toEqual(
      startsKernel(profile) ? Object.keys(profile.answers ?? {}).toSorted() : [],
    );
    const answers: Record<string, { text: string | null; problems: unknown[] }> = preview.answers;
    for (const [file, answer] of Object.entries(answers)) {
      expect(answer.problems, file).toEqual([]);
      expect(answer.text, file).not.toBe("");
    }
  });
});

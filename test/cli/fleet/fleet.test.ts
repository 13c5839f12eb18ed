import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHash } from "node:crypto";
import { createApiClient, type ApiClient } from "../../../cli/api-client.ts";
import { applyPlan } from "../../../cli/fleet/apply.ts";
import { hashImageFiles } from "../../../cli/fleet/image-files.ts";
import { loadFleet } from "../../../cli/fleet/load.ts";
import { planFleet } from "../../../cli/fleet/plan.ts";
import { startControlPlane, type LocalControlPlane } from "../../../cli/dev/control-plane.ts";
import { missingNeed } from "../../relay/net/needs.ts";
import { runPxedge, writeFolder } from "./pxedge.ts";
import { freePort } from "../../support/lab/free-port.ts";

const EXAMPLE = fileURLToPath(new URL("../../../docs/example-fleet", import.meta.url));
const NETBOOT = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/linux";
const directory = mkdtempSync(join(tmpdir(), "pxedge-fleet-"));

/** All that the Worker fetches from elsewhere comes from here. */
let internet: Server;
const UPSTREAM = "a file that lives elsewhere";
let controlPlane: LocalControlPlane;
let api: ApiClient;

beforeAll(async () => {
  internet = createServer((_request, response) => response.end(UPSTREAM)).listen(0, "127.0.0.1");
  await once(internet, "listening");
  controlPlane = await startControlPlane({
    host: "127.0.0.1",
    port: await freePort("127.0.0.1"),
    stateDir: join(directory, "state"),
    internet: `http://127.0.0.1:${(internet.address() as AddressInfo).port}`,
  });
  api = createApiClient(controlPlane.url, controlPlane.adminToken);
});
afterAll(async () => {
  await controlPlane?.stop();
  internet?.close();
  rmSync(directory, { recursive: true });
});

const pxedge = (...args: string[]) =>
  runPxedge(args, { HOME: directory, PXEDGE_URL: controlPlane.url, PXEDGE_TOKEN: controlPlane.adminToken });

async function json(...args: string[]) {
  const { code, stdout, stderr } = await pxedge(...args, "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

const folder = (name: string, files: Record<string, string>) => writeFolder(join(directory, name), files);
const sha256Of = (text: string) => createHash("sha256").update(text).digest("hex");
const template = (body: string) => `---\nkind: shell\ndescription: x\n---\n${body}\n`;
/** Everything below a folder, by its path. */
const contents = (path: string) =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((file) => [file.slice(path.length), readFileSync(file, "utf8")]),
  );

/** One site with two machines, and all that they need. */
const SMALL = {
  "sites/s1.yaml": "policy: discover\n",
  "machines/s1.yaml":
    "m1: { macs: ['525400000101'], profile: install }\nm2: { macs: ['52:54:00:00:01:02'], profile: live }\n",
  "profiles/install.yaml":
    "mode: install\nimage: system\nkernel: linux\nanswers:\n  a.sh: { template: answer }\n",
  "profiles/live.yaml": "mode: live\nimage: system\nkernel: linux\n",
  "templates/answer.mustache": template("echo {{machine.name}} {{secret.fleetKey}}"),
  "images/system.yaml": "files:\n  linux: { file: system/linux }\n",
  "images/system/linux": "a kernel",
};

const lack = missingNeed({ programs: [NETBOOT] });
test.skipIf(lack !== undefined)(
  "the example fleet, from nothing to a preview, and back into files",
  async () => {
    const tried = await json("diff", EXAMPLE);
    expect(tried).toMatchObject({ dryRun: true, unchanged: 0, kept: [], missingSecrets: ["joinKey"] });
    expect(await api.list("/sites")).toEqual([]);

    const applied = await pxedge("apply", EXAMPLE);
    expect(applied, applied.stderr).toMatchObject({ code: 0 });
    expect(applied.stderr).toContain("`pxedge secret set joinKey` sets it");
    expect(applied.stdout).toContain(`\n${tried.changes.length} created, 0 as they were\n`);
    expect(await json("apply", EXAMPLE)).toMatchObject({ changes: [], unchanged: tried.changes.length });

    await api.request("PUT", "/secrets/joinKey", { value: "k" });
    for (const [site, machine] of [
      ["fra1", "db1"],
      ["ams1", "gate1"],
    ] as const) {
      const preview = await json("machine", "preview", machine, "--site", site);
      expect(preview.problems).toEqual([]);
      expect(preview.answers["preseed.cfg"].problems).toEqual([]);
    }
    expect(await json("machine", "show", "bench3", "--site", "lab")).toMatchObject({
      macs: ["52:54:00:1a:b0:03"],
    });

    const exported = join(directory, "exported");
    expect((await pxedge("export", exported)).code).toBe(0);
    expect(await json("diff", exported, "--prune", "--exit-code")).toMatchObject({ changes: [], kept: [] });
    const again = join(directory, "exported-again");
    await pxedge("export", again);
    expect(contents(again)).toEqual(contents(exported));
    expect(await pxedge("export", again)).toMatchObject({ code: 2 });
    // Without what the example names, so that the tests below begin with nothing.
    for (const site of ["fra1", "ams1", "lab"]) {
      const ids = (await api.list(`/sites/${site}/machines`)).map(({ id }) => id);
      await api.request("POST", `/sites/${site}/machines:batch`, { delete: ids });
      await api.request("DELETE", `/sites/${site}`);
    }
  },
);

test("what is applied comes back by export, and applies as nothing to do, elsewhere too", async () => {
  const small = folder("small", SMALL);
  expect(await json("apply", small)).toMatchObject({ failed: [], missingSecrets: ["fleetKey"] });
  await api.request("PUT", "/secrets/fleetKey", { value: "k" });
  const exported = join(directory, "small-exported");
  await pxedge("export", exported);
  expect(contents(exported)).toMatchObject({
    "/secrets.yaml": expect.stringContaining("- fleetKey"),
    "/machines/s1.yaml": expect.stringContaining(
      "m1:\n  macs:\n    - 52:54:00:00:01:01\n  profile: install\n",
    ),
    "/templates/answer.mustache": SMALL["templates/answer.mustache"],
    "/images/system.yaml": expect.stringContaining(sha256Of("a kernel")),
  });
  expect(await json("apply", exported)).toMatchObject({ changes: [] });
  expect(await json("apply", small)).toMatchObject({ changes: [] });
  // The same files in other words.
  writeFolder(small, { "sites/s1.yaml": "{ policy: discover, bootWaitSeconds: 300, variables: {} }\n" });
  expect(await json("apply", small)).toMatchObject({ changes: [] });
});

test("a difference is told by value and by line, on paper and as JSON; diff changes nothing", async () => {
  const changed = folder("changed", {
    ...SMALL,
    "sites/s1.yaml": "policy: local\narmLimit: { machines: 5 }\n",
    "templates/answer.mustache": template("echo {{machine.name}}\necho more"),
    "images/system/linux": "another kernel",
  });
  const { code, stdout } = await pxedge("diff", changed, "--exit-code");
  expect(code).toBe(1);
  expect(stdout).toBe(
    [
      "for all sites",
      "  ~ template answer",
      "        ---",
      "      - echo {{machine.name}} {{secret.fleetKey}}",
      "      + echo {{machine.name}}",
      "      + echo more",
      "  ~ image system",
      `      files.linux.sha256: ${sha256Of("a kernel")} → ${sha256Of("another kernel")}`,
      "site s1",
      "  ~ site s1",
      "      policy: discover → local",
      "      armLimit.machines: 25 → 5",
      "3 to change, 4 as they were",
      "",
    ].join("\n"),
  );
  const { changes } = await json("diff", changed);
  expect(changes).toContainEqual({
    action: "change",
    kind: "site",
    name: "s1",
    fields: [
      { field: "policy", before: "discover", after: "local" },
      { field: "armLimit.machines", before: 25, after: 5 },
    ],
  });
  expect((await pxedge("diff", join(directory, "small"))).stdout).toMatch(/nothing to do\n$/);
});

test("every fault of every file, by file, line and field, at once; and nothing is changed", async () => {
  const bad = folder("bad", {
    "profile/p.yaml": "",
    "secrets.yaml": "joinKey: value\n",
    "sites/s1.yaml": "polizy: discover\nwindows:\n  - { days: [sat], from: '25:00', to: '04:00' }\n",
    "sites/s2.yaml": "policy: [\n",
    "sites/notes.txt": "",
    "profiles/menu.yaml":
      "mode: menu\ntitle: x\ndefault: disk\nitems:\n  - { key: disk, label: d, profil: live }\n",
    "profiles/good.yaml": "mode: local\n",
    "profiles/broken.yaml":
      "mode: install\nimage: sytem\nkernel: linux\nanswers:\n  pre.seed.cfg:\n    template: none\n",
    "templates/t.mustache": template("echo {{#shell}}"),
    "images/i.yaml": "files:\n  linux: { file: nowhere }\n",
    "images/j.yaml": "files:\n  a: { url: 'https://example.org/a', sha256: abc }\n",
    "machines/s1.yaml":
      "m1:\n  mac: 52:54:00:00:00:01\n  profile: god\nm2: { macs: [52:54:00:00:00:zz] }\nm2: {}\n",
    "machines/s1/more.csv": "name,macs,rack\nx,525400000009,r1\n",
    "machines/s3.csv": "name,macs,protected\ny,,maybe\nz,525400000008\n",
    "machines/none.hosts": "52:54:00:00:00:*,w\n",
  });
  const before = (await api.list("/audit")).length;
  const { code, stdout, stderr } = await pxedge("apply", bad);
  expect(code).toBe(1);
  expect(stdout).toBe("");
  const lines = stderr.replaceAll(`${bad}/`, "").trimEnd().split("\n");
  expect(lines.at(-1)).toMatch(/^pxedge: \d+ faults; nothing was changed$/);
  const faults = lines.slice(0, -1);
  const expected = [
    /^images\/i\.yaml:2:12: files\.linux\.file: there is no file "nowhere"$/,
    /^images\/j\.yaml:2:\d+: files\.a\.sha256: 64 lower-case hexadecimal digits$/,
    /^images\/j\.yaml:2:\d+: files\.a\.sizeBytes: is missing: expected number$/,
    /^machines\/none\.hosts:1: "52:54:00:00:00:\*" is not one MAC/,
    /^machines\/s1\.yaml:5:1: "m2" is there already, in line 4: keys of a mapping are unique$/,
    /^machines\/s1\/more\.csv:1: there is no column "rack"; there are name, macs, /,
    /^machines\/s3\.csv:2: protected: "maybe" is neither yes nor no$/,
    /^machines\/s3\.csv:3: has 2 cells, the first line names 3 columns$/,
    /^machines\/s3\.csv: there is no site "s3"$/,
    /^profile: is not looked at: did you mean "profiles\/"\?$/,
    /^profiles\/broken\.yaml:2:1: image: there is no image "sytem"$/,
    /^profiles\/broken\.yaml:6:5: answers\.pre\.seed\.cfg\.template: there is no template "none"$/,
    /^profiles\/menu\.yaml:5:5: items\[0\]\.profile: is missing: expected string$/,
    /^profiles\/menu\.yaml:5:\d+: items\[0\]\.profil: is not a known field: did you mean "profile"\?$/,
    /^secrets\.yaml:1: a list of names is expected; values are set by `pxedge secret set NAME`$/,
    /^sites\/notes\.txt: what is this\? Files here end in \.yaml, \.yml, \.json$/,
    /^sites\/s1\.yaml:1:1: polizy: is not a known field: did you mean "policy"\?$/,
    /^sites\/s1\.yaml:3:\d+: windows\[0\]\.from: HH:MM, from 00:00 to 23:59$/,
    /^sites\/s2\.yaml:2:1: Flow sequence in block collection must be/,
    /^templates\/t\.mustache:5:\d+: /,
  ];
  for (const pattern of expected) expect(faults).toContainEqual(expect.stringMatching(pattern));
  expect(faults).toHaveLength(expected.length);
  expect((await api.list("/audit")).length).toBe(before);

  const json = await pxedge("apply", bad, "--json");
  expect(JSON.parse(json.stdout).problems).toContainEqual({
    file: `${bad}/sites/s1.yaml`,
    line: 1,
    column: 1,
    field: "polizy",
    message: 'is not a known field: did you mean "policy"?',
  });
  expect(await pxedge("apply", join(directory, "nowhere"))).toMatchObject({ code: 2 });
  expect(await pxedge("apply", join(directory, "state"))).toMatchObject({ code: 2 });
});

test("images: a file that is known is not sent again, one that lives elsewhere is read once", async () => {
  const url = "https://files.example.org/system.img";
  const images = folder("images", {
    ...SMALL,
    "images/elsewhere.yaml":
      `origins: [https://files.example.org]\nfiles:\n  system.img:\n    url: ${url}\n` +
      `    sha256: ${sha256Of(UPSTREAM)}\n    sizeBytes: ${UPSTREAM.length}\n  linux: { file: system/linux }\n`,
  });
  const uploads = async () =>
    (await api.list("/audit")).filter(({ target }) => target.includes("/files/")).length;
  const before = await uploads();
  expect(await json("apply", images)).toMatchObject({ changes: [{ action: "create", name: "elsewhere" }] });
  expect(await uploads()).toBe(before);
  writeFileSync(join(images, "images/system/linux"), "a third kernel");
  expect((await json("apply", images)).changes).toHaveLength(2);
  expect(await uploads()).toBeGreaterThan(before);
  writeFolder(images, {
    "images/elsewhere.yaml": "files:\n  linux: { sha256: " + "ab".repeat(32) + " }\n",
    "images/system.yaml": "files:\n  linux: { file: system/linux, sha256: " + "cd".repeat(32) + " }\n",
  });
  const { code, stderr } = await pxedge("apply", images);
  expect(code).toBe(1);
  expect(stderr).toContain("elsewhere.yaml:2:12: files.linux.sha256: no such file was uploaded");
  expect(stderr).toContain("system.yaml:2:32: files.linux.sha256: ");
});

test("an armed machine is not pulled from under its install, and its site stays as it was", async () => {
  await json("apply", folder("small", SMALL));
  await api.request("POST", "/sites/s1/machines/m1/arm", {});
  const moved = folder("moved", {
    ...SMALL,
    "sites/s1.yaml": "policy: local\n",
    "machines/s1.yaml":
      "m1: { macs: ['525400000109'], profile: install }\nm2: { macs: ['52:54:00:00:01:02'] }\n",
  });
  const refused = await pxedge("apply", moved);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(
    /machines\/s1\.yaml:1:7: macs: attempt \w+ of "m1" is armed: disarm it before/,
  );
  const pruned = await pxedge("apply", folder("pruned", { ...SMALL, "machines/s1.yaml": "" }), "--prune");
  expect(pruned.code).toBe(1);
  expect(pruned.stderr).toMatch(/attempt \w+ of "m1" is armed; disarm it first/);
  expect(await api.request("GET", "/sites/s1")).toMatchObject({ policy: "discover" });
  await api.request("POST", "/sites/s1/machines/m1/disarm");
});

test("--prune removes what nothing names, and keeps what others use", async () => {
  await json("apply", folder("small", SMALL));
  await api.request("PUT", "/sites/other", { defaultProfile: "live" });
  await api.request("PUT", "/sites/other/machines/o1", { serial: "O1" });
  await api.request("PUT", "/profiles/stray", { mode: "local" });
  const less = folder("less", {
    "sites/s1.yaml": SMALL["sites/s1.yaml"],
    "machines/s1.yaml": "m2: { macs: ['52:54:00:00:01:02'], profile: kept }\n",
    "profiles/kept.yaml": "mode: local\n",
  });
  // Without --prune all that stays.
  expect((await json("apply", less)).changes.map(({ action }: { action: string }) => action)).toEqual([
    "create",
    "change",
  ]);
  const { changes, kept } = await json("apply", less, "--prune");
  const removed = changes.map(({ kind, name }: { kind: string; name: string }) => `${kind} ${name}`);
  expect(removed).toEqual(
    expect.arrayContaining(["profile install", "profile stray", "template answer", "machine m1"]),
  );
  expect(kept).toContainEqual({ kind: "profile", name: "live", users: ['site "other"'] });
  expect(kept).toContainEqual({ kind: "image", name: "system", users: ['profile "live"'] });
  expect(await json("apply", less, "--prune")).toMatchObject({ changes: [] });
  expect((await api.list("/sites")).map(({ name }) => name)).toContain("other");
});

describe("--prune and sites that nothing names", () => {
  const siteNames = async () => (await api.list("/sites")).map(({ name }) => name);
  const removeSite = async (name: string) => {
    const path = `/sites/${name}`;
    const ids = (await api.list(`${path}/machines`)).map(({ id }) => id);
    await api.request("POST", `${path}/machines:batch`, { delete: ids });
    await api.request("DELETE", path);
  };
  /** Names s1 alone; the tests above and below have it, too. */
  const only = () => folder("only", { "sites/s1.yaml": SMALL["sites/s1.yaml"] });

  test("one goes where nothing boots at it, and what only it used; machines and relays hold it", async () => {
    if ((await siteNames()).includes("other")) await removeSite("other");
    await api.request("PUT", "/profiles/spared", { mode: "local" });
    await api.request("PUT", "/sites/spare", { defaultProfile: "spared" });
    await api.request("PUT", "/sites/inhabited", {});
    await api.request("PUT", "/sites/inhabited/machines/i1", { serial: "I1" });
    const { token } = await api.request("POST", "/sites/inhabited/join-tokens");
    await api.request("POST", "/relays/join", { token });
    const shown = await pxedge("diff", only(), "--prune");
    expect(shown.stdout).toContain("site spare\n  - site spare\n");
    expect(shown.stdout).toContain("  - profile spared\n");
    expect(shown.stdout).toContain(
      "  = site inhabited stays: it has machines and relays, which are not removed with it\n",
    );
    expect(await json("apply", only())).toMatchObject({ changes: [] });
    // A folder that is about no site removes none.
    const about = folder("no-sites", { "profiles/spared.yaml": "mode: local\n" });
    expect((await json("diff", about, "--prune")).changes).not.toContainEqual(
      expect.objectContaining({ kind: "site" }),
    );

    const { changes, kept, failed } = await json("apply", only(), "--prune");
    expect(failed).toEqual([]);
    expect(changes).toContainEqual({ action: "delete", kind: "site", name: "spare", fields: [] });
    expect(changes).toContainEqual({ action: "delete", kind: "profile", name: "spared", fields: [] });
    expect(kept).toContainEqual({ kind: "site", name: "inhabited", users: ["machines", "relays"] });
    expect(await siteNames()).toEqual(["inhabited", "s1"]);
    // Without its machines its relay holds it still.
    await api.request("DELETE", "/sites/inhabited/machines/i1");
    expect((await json("apply", only(), "--prune")).kept).toContainEqual({
      kind: "site",
      name: "inhabited",
      users: ["relays"],
    });
    await removeSite("inhabited");
  });

  test("one at which somebody registers a machine meanwhile stays, and that is said", async () => {
    await api.request("PUT", "/sites/late", {});
    const fleet = loadFleet(only());
    const hashed = await hashImageFiles(fleet, { HOME: directory });
    const planned = await planFleet(api, fleet, hashed, { prune: true });
    if (planned.kind === "refused") throw new Error(JSON.stringify(planned.problems));
    await api.request("PUT", "/sites/late/machines/l1", { serial: "L1" });
    expect(await applyPlan(api, planned.plan, hashed)).toEqual([
      { site: "late", reason: expect.stringContaining("still has") },
    ]);
    expect(await siteNames()).toContain("late");
    await removeSite("late");
  });
});

describe("what somebody else changes meanwhile", () => {
  const prepare = async (name: string, files: Record<string, string>) => {
    const fleet = loadFleet(folder(name, files));
    const hashed = await hashImageFiles(fleet, { HOME: directory });
    const planned = await planFleet(api, fleet, hashed, { prune: false });
    if (planned.kind === "refused") throw new Error(JSON.stringify(planned.problems));
    return () => applyPlan(api, planned.plan, hashed);
  };

  test("is not overwritten: one document holds all of them up", async () => {
    const apply = await prepare("late", {
      "profiles/a.yaml": "mode: local\n",
      "profiles/b.yaml": "mode: local\n",
    });
    await api.request("PUT", "/profiles/b", { mode: "chain", url: "http://example.org/" });
    await expect(apply()).rejects.toThrow(/somebody else changed it since it was looked at/);
    expect((await api.list("/profiles")).map(({ name }) => name)).not.toContain("a");
  });

  test("a site whose machines are refused has its settings back, a new one goes, others go on", async () => {
    await json("apply", folder("two", { "sites/t1.yaml": "", "machines/t1.yaml": "a: { serial: A }\n" }));
    const apply = await prepare("two-late", {
      "sites/t1.yaml": "policy: discover\n",
      "machines/t1.yaml": "a: { serial: B }\n",
      "sites/t2.yaml": "policy: discover\n",
      "machines/t2.yaml": "b: { serial: B }\n",
    });
    await api.request("PUT", "/sites/t1/machines/a", { serial: "C" });
    expect(await apply()).toEqual([{ site: "t1", reason: expect.stringContaining("somebody else") }]);
    expect(await api.request("GET", "/sites/t1")).toMatchObject({ policy: "local" });
    expect(await api.request("GET", "/sites/t2/machines/b")).toMatchObject({ serial: "B" });
  });
});

test("thousands of machines are one change: applied, and then nothing to do", async () => {
  const rows = Array.from({ length: 2_000 }, (_, i) => {
    const hex = i.toString(16).padStart(4, "0");
    return `big${i},02:00:00:00:${hex.slice(0, 2)}:${hex.slice(2)},10.1.${i >> 8}.${i & 255},r${i % 40}`;
  });
  const big = folder("big", {
    "sites/big.yaml": "",
    "machines/big.csv": ["name,macs,address,labels.rack", ...rows].join("\n"),
  });
  const applied = await pxedge("apply", big);
  expect(applied.stdout).toContain("… and 1961 more (--json tells of all)");
  expect(applied.stdout).toMatch(/\n2001 created, 0 as they were\n$/);
  expect(await json("apply", big)).toMatchObject({ changes: [], unchanged: 2_001 });
});

test("more machines than a request holds are refused, and what to do is said", async () => {
  const table = (heading: string, count: number, rest: string) =>
    [heading, ...Array.from({ length: count }, (_, i) => `m${i},S${i}${rest}`)].join("\n");
  const many = folder("many", {
    "sites/many.yaml": "",
    "machines/many.csv": table("name,serial", 20_001, ""),
    "sites/wide.yaml": "",
    "machines/wide.csv": table("name,serial", 300, "x".repeat(60_000)),
  });
  const { code, stderr } = await pxedge("apply", many);
  expect(code).toBe(1);
  expect(stderr.replaceAll(`${many}/`, "").split("\n")).toEqual([
    "machines/many.csv:20002: is machine 20001 of site many, which holds 20000",
    "machines/wide.csv:2: the machines of site wide are more than can be changed at once: " +
      "say what they have in common once, in `variables` of the site or of the profile",
    "pxedge: 2 faults; nothing was changed",
    "",
  ]);
});

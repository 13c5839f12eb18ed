import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApiClient, type ApiClient } from "../../cli/api-client.ts";
import { startControlPlane, type LocalControlPlane } from "../../cli/dev/control-plane.ts";
import { freePort } from "../support/lab/free-port.ts";

const PXEDGE = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "pxedge-operator-"));
const kernel = join(directory, "linux");
const initrd = join(directory, "initrd.gz");

let controlPlane: LocalControlPlane;
let api: ApiClient;

beforeAll(async () => {
  const port = await freePort("127.0.0.1");
  controlPlane = await startControlPlane({ host: "127.0.0.1", port, stateDir: join(directory, "state") });
  api = createApiClient(controlPlane.url, controlPlane.adminToken);
  writeFileSync(kernel, Buffer.alloc(20 << 20, "kernel"));
  writeFileSync(initrd, "initrd");
});
afterAll(async () => {
  await controlPlane?.stop();
  rmSync(directory, { recursive: true });
});

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs `pxedge ARGS` as an operator of the control plane does. */
async function pxedge(
  args: readonly string[],
  options: { stdin?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  return await new Promise((resolve) => {
    const env = {
      HOME: directory,
      PATH: process.env["PATH"],
      PXEDGE_URL: controlPlane.url,
      PXEDGE_TOKEN: controlPlane.adminToken,
      ...options.env,
    };
    const child = execFile(process.execPath, [PXEDGE, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    child.stdin!.end(options.stdin ?? "");
  });
}

async function json(...args: string[]) {
  const { code, stdout, stderr } = await pxedge([...args, "--json"]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

function fileOf(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

test("from an empty control plane to an armed machine, its preview and its story", async () => {
  const none = await pxedge(["machine", "list"]);
  expect(none).toMatchObject({ code: 2, stdout: "" });
  expect(none.stderr).toContain("there is no site yet: `pxedge site create NAME` makes one");

  expect(await pxedge(["site", "create", "fra1"])).toMatchObject({ code: 0 });
  expect((await pxedge(["site", "join-token", "fra1"])).stdout).toMatch(/^pxj_\S+\n$/);
  const added = await pxedge(["image", "add", "debian", "--kernel", kernel, "--initrd", initrd]);
  expect(added.stdout).toMatch(
    /^linux {2}20\.0 MiB {2}sha256 [0-9a-f]{64}\ninitrd\.gz {2}6 B .*\nimage debian is /,
  );
  const template = fileOf("t", "---\nkind: preseed\n---\nd-i netcfg/hostname string {{machine.name}}\n");
  expect(await pxedge(["template", "put", "preseed", template])).toMatchObject({ code: 0 });
  const profile = fileOf(
    "p.yaml",
    "mode: install\nimage: debian\nkernel: linux\ninitrds: [initrd.gz]\nanswers: { preseed.cfg: { template: preseed } }\n",
  );
  expect(await pxedge(["profile", "put", "debian-12", profile])).toMatchObject({ code: 0 });
  const enrolled = await pxedge([
    "machine",
    "enroll",
    "52:54:00:00:00:01",
    "--name",
    "web1",
    "--label",
    "rack=a1",
  ]);
  expect(enrolled.stdout).toMatch(/^enrolled web1 /);

  expect(await json("machine", "list", "--selector", "rack=a1")).toMatchObject([{ name: "web1" }]);
  expect(await json("machine", "list", "--selector", "rack=b2")).toEqual([]);
  expect((await pxedge(["machine", "list"])).stdout).toMatch(
    /^NAME +MACS.*\nweb1 +52:54:00:00:00:01 .* rack=a1\n$/,
  );
  expect((await pxedge(["machine", "preview", "web1", "--profile", "debian-12"])).stdout).toContain(
    "d-i netcfg/hostname string web1",
  );

  const attempt = await json("machine", "arm", "52-54-00-00-00-01", "--profile", "debian-12", "--ttl", "600");
  expect(attempt).toMatchObject({ profile: "debian-12", state: "armed", ttlSeconds: 600 });
  const again = await pxedge(["machine", "arm", "web1", "--profile", "debian-12"]);
  expect(again).toMatchObject({ code: 1, stdout: "" });
  expect(again.stderr).toContain(`attempt ${attempt.id} is armed; name it in --supersede to replace it`);
  const story = await pxedge(["machine", "timeline", "web1"]);
  expect(story.stdout).toMatch(/ decision +armed +profile=debian-12@/);
  expect(story.stdout).toContain("armed, never seen on the network");
  expect(story.stdout).toContain("the firmware's boot order");
  expect((await pxedge(["machine", "disarm", "web1"])).stdout).toBe("web1: disarmed\n");
  expect(await json("machine", "show", "web1")).toMatchObject({
    name: "web1",
    attempts: [{ state: "disarmed" }],
  });
});

test("arm --wait follows the install, and exits 1 where it is not installed", async () => {
  const waiting = pxedge(["machine", "arm", "web1", "--profile", "debian-12", "--wait"]);
  const attempts = "/sites/fra1/machines/web1/attempts";
  await expect
    .poll(async () => (await api.request("GET", attempts)).items[0].state, { timeout: 30_000 })
    .toBe("armed");
  await api.request("POST", "/sites/fra1/machines/web1/disarm");
  const { code, stdout } = await waiting;
  expect(code).toBe(1);
  expect(stdout).toMatch(/^armed: web1 installs debian-12 .*\n(?:\S+Z {2}armed\n)?\S+Z {2}disarmed\n$/);
});

test("an upload that broke off goes on with the parts that are missing", async () => {
  const image = "resumed";
  const large = join(directory, "large");
  writeFileSync(large, Buffer.alloc(20 << 20, "large"));
  const base = `/images/${image}/files/large`;
  const { uploadId } = await api.request("POST", `${base}?uploads`);
  const sendPart = async (upload: string, bytes: Uint8Array<ArrayBuffer>) =>
    await api.send("PUT", `${base}?uploadId=${upload}&part=1`, bytes);
  await sendPart(uploadId, new Uint8Array(Buffer.alloc(8 << 20, "large")));
  expect(await pxedge(["image", "add", image, "--kernel", large])).toMatchObject({ code: 0 });
  expect((await api.request("GET", base)).items).toEqual([]);

  // What had arrived was of another file: the upload begins anew.
  writeFileSync(large, Buffer.alloc(20 << 20, "other"));
  await sendPart((await api.request("POST", `${base}?uploads`)).uploadId, new Uint8Array(8 << 20));
  expect(await pxedge(["image", "add", image, "--kernel", large])).toMatchObject({ code: 0 });
  const { files } = await json("image", "show", image);
  expect(files.large.sizeBytes).toBe(20 << 20);
});

test("what the control plane has is not sent again, under whatever name", async () => {
  const again = await pxedge(["image", "add", "again", "--file", `boot/linux=${kernel}`, "--initrd", initrd]);
  expect(again.stdout).toMatch(
    /^initrd\.gz .*\(there already\)\nboot\/linux .*\(there already\)\nimage again is /,
  );
});

test("a file that is to stay where it is, of an origin that none is taken from", async () => {
  const address = `https://127.0.0.1:1/linux#sha256=${"0".repeat(64)}`;
  const unreachable = await pxedge(["image", "add", "x", "--url", address]);
  expect(unreachable).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("https://127.0.0.1:1 cannot be reached"),
  });
});

test("revisions are listed, and a name goes back to an earlier one", async () => {
  const before = (await json("template", "show", "preseed")).revision;
  await pxedge(["template", "put", "preseed", "-"], { stdin: "---\nkind: preseed\n---\nd-i a string b\n" });
  expect(
    (await json("template", "revisions", "preseed")).map((item: { current: boolean }) => item.current),
  ).toEqual([true, false]);
  expect(await json("template", "rollback", "preseed", before)).toMatchObject({ revision: before });
});

test("a change is shown before it is made: machines with the same one together, as text and as JSON", async () => {
  for (const [name, mac] of [
    ["web1", "52:54:00:00:00:01"],
    ["web2", "52:54:00:00:00:02"],
  ]) {
    await api.request("PUT", `/sites/fra1/machines/${name}`, { macs: [mac], profile: "debian-12" });
  }
  const changed = fileOf("t2", "---\nkind: preseed\n---\nd-i netcfg/get_hostname string {{machine.name}}\n");
  // The site says which profiles it uses in a moment of its own.
  const machines = async () =>
    (await api.request("POST", "/templates/preseed/diff", { text: "---\nkind: preseed\n---\n" })).items
      .length;
  await expect.poll(machines, { timeout: 30_000 }).toBe(2);
  const shown = await pxedge(["template", "diff", "preseed", changed]);
  expect(shown).toMatchObject({ code: 0, stderr: "" });
  expect(shown.stdout).toMatch(
    /^template preseed: [0-9a-f]{8} -> [0-9a-f]{8}\n\n2 machines: same change\n {2}fra1\/web1 fra1\/web2\n/,
  );
  expect(shown.stdout).toContain(
    "\n-d-i netcfg/hostname string web1\n+d-i netcfg/get_hostname string web1\n\n0 machines: no difference\n",
  );

  const [{ revision }] = await json("profile", "revisions", "debian-12");
  const same = await pxedge(["profile", "diff", "debian-12", revision.slice(0, 8)]);
  expect(same.stdout).toMatch(/\n2 machines: no difference\n$/);
  const broken = fileOf(
    "t3",
    "---\nkind: preseed\nvariables: { disk: { type: string, required: true } }\n---\nd-i a string {{disk}}\n",
  );
  const failing = await pxedge(["template", "diff", "preseed", broken]);
  expect(failing).toMatchObject({ code: 1, stderr: "" });
  expect(failing.stdout).toContain("2 machines: would not render");
  expect(failing.stdout).toContain("variable disk is required: text");
  expect(await pxedge(["profile", "diff", "debian-12", "none.yaml"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("none.yaml is neither a file nor a revision"),
  });
});

test("an order that does not render says which variable is at fault", async () => {
  const typed =
    "---\nkind: preseed\nvariables: { size: { type: number, default: 20 } }\n---\nd-i a string {{size}}\n";
  await pxedge(["template", "put", "preseed", "-"], { stdin: typed });
  const refused = await pxedge(["machine", "arm", "web2", "--profile", "debian-12", "--set", "size=big"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("variable size must be a number, and is text, e.g. 20");
});

test("what `show` prints is what `put` takes", async () => {
  for (const [kind, name] of [
    ["profile", "debian-12"],
    ["template", "preseed"],
  ] as const) {
    const { revision } = await api.request("GET", `/${kind}s/${name}`);
    const { stdout } = await pxedge([kind, "show", name]);
    expect(await pxedge([kind, "put", name, "-"], { stdin: stdout })).toMatchObject({
      code: 0,
      stdout: `${kind} ${name} is ${revision}\n`,
    });
  }
  const before = await api.request("GET", "/sites/fra1");
  const settings = fileOf("fra1.yaml", (await pxedge(["site", "show", "fra1"])).stdout);
  expect(await pxedge(["site", "put", "fra1", settings])).toMatchObject({ code: 0 });
  expect(await api.request("GET", "/sites/fra1")).toEqual(before);
});

test("a secret comes from stdin, without its last newline, and is never shown", async () => {
  expect(await pxedge(["secret", "set", "rootPassword"], { stdin: "hunter2\n" })).toMatchObject({ code: 0 });
  const listed = await pxedge(["secret", "list", "--json"]);
  expect(JSON.parse(listed.stdout)).toMatchObject([{ name: "rootPassword" }]);
  expect(listed.stdout).not.toContain("hunter2");
});

test("a token for one site", async () => {
  const { stdout } = await pxedge([
    "token",
    "create",
    "ci",
    "--role",
    "viewer",
    "--sites",
    "fra1",
    "--expires",
    "90d",
  ]);
  const env = { PXEDGE_TOKEN: stdout.trim() };
  expect((await pxedge(["machine", "show", "web1"], { env })).code).toBe(0);
  const refused = await pxedge(["machine", "arm", "web1", "--profile", "debian-12"], { env });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/role|may not|needs/);
});

describe("errors are sentences, and exit codes tell them apart", () => {
  test.each([
    ["a machine that is not there", ["machine", "show", "web9"], {}, 1, /no machine "web9"/],
    ["a wrong token", ["site", "list"], { PXEDGE_TOKEN: "pxa_0_0" }, 1, /does not accept the token/],
    ["a wrong address", ["site", "list"], { PXEDGE_URL: "http://127.0.0.1:1" }, 1, /cannot be reached/],
    ["no address", ["site", "list"], { PXEDGE_URL: "" }, 2, /give --url, or set PXEDGE_URL/],
    ["a missing argument", ["machine", "show"], {}, 2, /missing required argument 'machine'/],
    [
      "a wrong option",
      ["token", "create", "x", "--role", "boss"],
      {},
      2,
      /Allowed choices are viewer, operator, admin/,
    ],
    ["a file that is not there", ["profile", "put", "x", "/none.yaml"], {}, 2, /\/none.yaml cannot be read/],
    ["an image of nothing", ["image", "add", "x"], {}, 2, /name at least one file/],
  ] as const)("%s", async (_, args, env, code, message) => {
    const ended = await pxedge(args, { env });
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(code);
    expect(ended.stdout).toBe("");
  });

  test("the API's errors name the field; a document's name the line", async () => {
    const wrong = fileOf("wrong.yaml", "mode: install\nimage: debian\nkernel: linux\nkernal: linux\n");
    expect((await pxedge(["profile", "put", "x", wrong])).stderr).toBe(
      'pxedge: kernal: is not a known field: did you mean "kernel"?\n',
    );
    const several = fileOf("several.yaml", "mode: live\nkernal: linux\nimage: [x]\n");
    expect((await pxedge(["profile", "put", "x", several])).stderr).toMatch(
      /^pxedge: \d faults\n(?: {2}\w+: .*\n)+$/,
    );
    const broken = fileOf("broken.yaml", "mode: install\nimage: [debian\n");
    expect(await pxedge(["profile", "put", "x", broken])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/broken\.yaml: .* line 3/),
    });
  });
});

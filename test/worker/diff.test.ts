import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { api, createProfiles, createSite, done, env, request } from "./control-plane.ts";
import { settleProfiles } from "./profiles-in-use.ts";

const text = (...lines: string[]) => ["---", "kind: shell", "description: x", "---", ...lines, ""].join("\n");
const BEFORE = text(
  "host={{machine.name}}",
  "disk={{disk}}",
  "hash={{secret.rootHash}}",
  "done={{urls.events}}",
);

beforeEach(async () => {
  await createSite("lab");
  await createSite("other");
  await createProfiles();
  await done("PUT", "/secrets/rootHash", { value: "canary-5d20" });
  await done("PUT", "/templates/answer", { text: BEFORE });
  for (const [i, name] of ["n1", "n2", "n3", "n4"].entries()) {
    await done("PUT", `/sites/lab/machines/${name}`, {
      macs: [`52:54:00:00:00:0${i + 1}`],
      profile: "debian-12",
      // n3 boots otherwise, n4 lacks what the template needs.
      variables: { n1: { disk: "sda" }, n2: { disk: "sda" }, n3: { disk: "sdb" }, n4: {} }[name],
    });
  }
  await done("PUT", "/sites/other/machines/o1", {
    macs: ["52:54:00:00:01:01"],
    profile: "debian-12",
    variables: { disk: "sda" },
  });
  for (const site of ["lab", "other"]) await settleProfiles(site);
});
afterEach(reset);

const diff = async (path: string, body: object) => await done("POST", `${path}/diff`, body);

type Item = { site: string; machine: { name: string }; kind: string; change?: string };
const shown = (items: Item[]) => items.map(({ site, machine, kind }) => `${site}/${machine.name} ${kind}`);

describe("what a template's change does", () => {
  const after = BEFORE.replace("disk={{disk}}", "disk=/dev/{{disk}}").replace("host=", "hostname=");

  test("machines with the same change share it, their own names apart; nothing is stored", async () => {
    const head = (await done("GET", "/templates/answer")).revision;
    const { from, to, items, changes, next } = await diff("/templates/answer", { text: after });
    expect(from).toBe(head);
    expect(next).toBeNull();
    expect(shown(items)).toEqual([
      "lab/n1 changed",
      "lab/n2 changed",
      "lab/n3 changed",
      "lab/n4 error",
      "other/o1 changed",
    ]);
    expect(items[1].change).toBe(items[0].change);
    expect(items[4].change).toBe(items[0].change);
    expect(items[2].change).not.toBe(items[0].change);
    expect(changes[items[0].change]).toEqual({
      kind: "changed",
      files: {
        "answer.sh":
          "--- a/answer.sh\n+++ b/answer.sh\n@@ -1,4 +1,4 @@\n-host='n1'\n-disk='sda'\n+hostname='n1'\n+disk=/dev/'sda'\n" +
          ` hash='masked-rootHash'\n done='http://255.255.255.255:65535/e/${"0".repeat(48)}/'\n`,
      },
    });
    expect(changes[items[3].change]).toMatchObject({ kind: "error", side: "to" });
    expect(changes[items[3].change].errors[0].message).toContain("disk");

    expect((await done("GET", "/templates/answer")).revision).toBe(head);
    // The revision that it would have is the one that it gets.
    expect((await done("PUT", "/templates/answer", { text: after })).revision).toBe(to);
  });

  test("between two revisions of the past, and of nothing that changes a machine", async () => {
    const { revision: first } = await done("GET", "/templates/answer");
    const { revision: second } = await done("PUT", "/templates/answer", { text: after });
    const back = await diff("/templates/answer", { from: second, to: first });
    expect(back.changes[back.items[0].change].files["answer.sh"]).toContain("+host='n1'\n");
    const comment = await diff("/templates/answer", {
      text: after.replace("description: x", "description: y"),
    });
    expect(shown(comment.items).slice(0, 3)).toEqual([
      "lab/n1 unchanged",
      "lab/n2 unchanged",
      "lab/n3 unchanged",
    ]);
    const never = await api("POST", "/templates/answer/diff", { to: "0".repeat(32) });
    expect(never).toMatchObject({ status: 422, json: { errors: [{ field: "to" }] } });
  });

  test("what it needs and is not there is said, as is what was mended", async () => {
    const secret = await diff("/templates/answer", { text: after.replace("rootHash", "none") });
    expect(secret.changes[secret.items[0].change].errors).toEqual([
      { field: "templates.answer", message: 'there is no secret "none"' },
    ]);
    const mended = await diff("/templates/answer", { text: BEFORE.replace("{{disk}}", "x") });
    expect(mended.changes[mended.items[3].change]).toMatchObject({ kind: "error", side: "from" });
    expect(await api("POST", "/templates/answer/diff", { text: "---\nkind: none\n---\n" })).toMatchObject({
      status: 422,
      json: { errors: [{ field: "text:2:7" }] },
    });
  });

  test("in pages, each as long as is asked for", async () => {
    const items: Item[] = [];
    let after_ = "";
    for (let pages = 1; ; pages++) {
      const page = await done("POST", `/templates/answer/diff?limit=2&after=${after_}`, { text: after });
      expect(page.items.length).toBeLessThanOrEqual(2);
      for (const { change } of page.items) if (change) expect(page.changes).toHaveProperty(change);
      items.push(...page.items);
      if (page.next === null) break;
      expect(pages).toBeLessThan(5);
      after_ = encodeURIComponent(page.next);
    }
    const whole = await diff("/templates/answer", { text: after });
    expect(items).toEqual(whole.items);
  });

  test("nothing of it is a change: no event, no attempt, no audit; a viewer of one site sees that site", async () => {
    const events = (await done("GET", "/sites/lab/events")).items;
    const audit = (await done("GET", "/audit?limit=1000")).items;
    const { token } = await done("POST", "/tokens", { name: "v", role: "viewer", sites: ["lab"] });
    const reply = await request("POST", "/api/v1/templates/answer/diff", { token, body: { text: after } });
    expect(reply.status).toBe(200);
    expect(new Set(reply.json.items.map(({ site }: Item) => site))).toEqual(new Set(["lab"]));
    expect(reply.text).not.toContain("canary-5d20");
    expect((await done("GET", "/sites/lab/events")).items).toEqual(events);
    expect((await done("GET", "/sites/lab/machines/n1/attempts")).items).toEqual([]);
    expect((await done("GET", "/audit?limit=1000")).items.length).toBe(audit.length + 1);
    expect((await env.REVISIONS.list({ prefix: "template/" })).keys.length).toBe(2);
  });
});

describe("what a profile's change does", () => {
  test("arguments, another answer and another mode; of a menu's machines as well", async () => {
    const {
      name: _n,
      revision: _r,
      updatedAt: _a,
      updatedBy: _b,
      ...profile
    } = await done("GET", "/profiles/debian-12");
    await done("PUT", "/profiles/menu", {
      mode: "menu",
      title: "?",
      items: [
        { key: "disk", label: "Disk", action: "local" },
        { key: "install", label: "Install", profile: "debian-12" },
      ],
      default: "disk",
    });
    await done("PATCH", "/sites/lab/machines/n4", { profile: "menu", variables: { disk: "sda" } });
    await settleProfiles("lab");
    const { items, changes } = await diff("/profiles/debian-12", {
      document: {
        ...profile,
        args: `${profile.args} quiet`,
        answers: { ...profile.answers, more: { template: "answer" } },
      },
    });
    expect(shown(items)).toEqual([
      "lab/n1 changed",
      "lab/n2 changed",
      "lab/n3 changed",
      "lab/n4 changed",
      "other/o1 changed",
    ]);
    const { files } = changes[items[0].change];
    expect(Object.keys(files)).toEqual(["/boot/script.ipxe", "more"]);
    expect(files["/boot/script.ipxe"]).toMatch(/^\+kernel .* quiet \|\| goto failed$/m);
    expect(files.more).toMatch(/^--- \/dev\/null\n\+\+\+ b\/more\n/);

    const disk = await diff("/profiles/debian-12", { document: { mode: "local" } });
    expect(disk.changes[disk.items[0].change].files["answer.sh"]).toContain("+++ /dev/null");
    const refused = await api("POST", "/profiles/debian-12/diff", {
      document: { ...profile, image: "none" },
    });
    expect(refused).toMatchObject({ status: 422, json: { errors: [{ field: "image" }] } });
    const both = await api("POST", "/profiles/debian-12/diff", { document: profile, to: "0".repeat(32) });
    expect(both.status).toBe(422);
  });
});

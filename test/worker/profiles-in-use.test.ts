import { reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  deliverNotices,
  nextNoticeAt,
  queueNotices,
  type ProfileNotice,
} from "../../worker/control-object/notices.ts";
import { controlObject, siteObject } from "../../worker/env.ts";
import { SiteObject } from "../../worker/site-object/site-object.ts";
import { api, capabilityOf, createProfiles, createSite, done, env, type TestRelay } from "./control-plane.ts";
import { settleProfiles } from "./profiles-in-use.ts";

const MAC = "52:54:00:00:00:01";
const LIVE = {
  mode: "live",
  image: "debian-12",
  kernel: "linux",
  answers: { "motd.sh": { template: "motd" } },
};
const template = (text: string) => ({ text: `---\nkind: shell\ndescription: x\n---\n${text}\n` });

let relay: TestRelay;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  relay = await createSite("lab");
  await createProfiles();
  await done("PUT", "/secrets/motd", { value: "first" });
  await done("PUT", "/templates/motd", template("one {{secret.motd}}"));
  await putLive(1);
  await done("PUT", "/sites/lab/machines/node1", { macs: [MAC], profile: "live" });
  await settleProfiles("lab");
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  await reset();
});

const putLive = async (version: number): Promise<string> =>
  (await done("PUT", "/profiles/live", { ...LIVE, args: `version=${version} answers={{urls.answers}}` }))
    .revision;

async function served(): Promise<{ version: string; answer: string }> {
  const script = await relay.script(MAC);
  const version = /version=(\d+)/.exec(script)?.[1] ?? "none";
  const answer = await relay.ask(MAC, "GET", `/a/${capabilityOf(script)}/motd.sh`);
  return { version, answer: answer.text.trim() };
}

describe("a head that moves", () => {
  test("reaches the sites that use the name, and is rolled back there, too", async () => {
    const { items } = await done("GET", "/profiles/live/revisions");
    expect(await served()).toEqual({ version: "1", answer: "one 'first'" });
    await putLive(2);
    await settleProfiles("lab");
    expect((await served()).version).toBe("2");
    await done("POST", "/profiles/live/rollback", { revision: items[0].revision });
    await settleProfiles("lab");
    expect((await served()).version).toBe("1");
  });

  test.each([
    [
      "template",
      async () => await done("PUT", "/templates/motd", template("two {{secret.motd}}")),
      "two 'first'",
    ],
    ["secret", async () => await done("PUT", "/secrets/motd", { value: "second" }), "one 'second'"],
  ])("of a %s that it names, as well", async (_, change, answer) => {
    await change();
    await settleProfiles("lab");
    expect((await served()).answer).toBe(answer);
  });

  test("of an image that it names, as well", async () => {
    const kernel = async () => /kernel --name kernel (\S+?)\?/.exec(await relay.script(MAC))![1]!;
    const before = await kernel();
    const { files } = await done("GET", "/images/debian-12");
    await done("PUT", "/images/debian-12", { files: { linux: { sha256: files["initrd.gz"].sha256 } } });
    await settleProfiles("lab");
    expect(await kernel()).not.toBe(before);
  });

  test("of an item's profile, as well", async () => {
    await done("PUT", "/profiles/menu", {
      mode: "menu",
      title: "Lab",
      items: [{ key: "live", label: "Live", profile: "live" }],
      default: "live",
    });
    await done("PATCH", "/sites/lab/machines/node1", { profile: "menu" });
    await settleProfiles("lab");
    const choose = async () => (await relay.ask(MAC, "GET", `/boot/${MAC}/script.ipxe?item=live`)).text;
    expect(await choose()).toContain("version=1");
    await putLive(2);
    await settleProfiles("lab");
    expect(await choose()).toContain("version=2");
  });

  test("a site that cannot be reached is told again, with growing pauses, until it has it", async () => {
    const { id } = await done("GET", "/sites/lab");
    const unreachable = async () => {
      throw new Error("unreachable");
    };
    await runInDurableObject(controlObject(env), async (_, { storage: { sql } }) => {
      let now = Date.now();
      queueNotices(sql, [id], now);
      for (const pauseMs of [2_000, 4_000, 8_000]) {
        await deliverNotices(sql, now, unreachable);
        expect(nextNoticeAt(sql)).toBe(now + pauseMs);
        await deliverNotices(sql, now + pauseMs - 1, unreachable);
        expect(nextNoticeAt(sql)).toBe(now + pauseMs);
        now += pauseMs;
      }
      const told: string[] = [];
      await deliverNotices(sql, now, async (siteId, { profiles }) => {
        told.push(siteId, ...Object.keys(profiles));
      });
      expect(told).toEqual([id, "live"]);
      expect(nextNoticeAt(sql)).toBeNull();
    });
  });

  test("a notice that comes late, or twice, changes nothing", async () => {
    const notices: ProfileNotice[] = [];
    for (const version of [2, 3]) {
      await putLive(version);
      await settleProfiles("lab");
      const { id } = await done("GET", "/sites/lab");
      notices.push(await controlObject(env).useProfiles(id, ["live"]));
    }
    const { id } = await done("GET", "/sites/lab");
    const site = siteObject(env, id);
    for (const notice of [notices[1]!, ...notices, ...notices]) await site.takeProfiles(notice);
    expect((await served()).version).toBe("3");
  });

  test("touches no order that stands", async () => {
    await done("POST", "/sites/lab/machines/node1/arm", { profile: "debian-12" });
    await done("PUT", "/profiles/debian-12", { mode: "local" });
    await putLive(2);
    await settleProfiles("lab");
    expect(await relay.script(MAC)).toContain("answer.sh");
  });

  test("a boot that has begun gets the answers of what was booted", async () => {
    const capability = capabilityOf(await relay.script(MAC));
    await done("PUT", "/templates/motd", template("two"));
    await settleProfiles("lab");
    const { text } = await relay.ask(MAC, "GET", `/a/${capability}/motd.sh`);
    expect(text).toBe("one 'first'\n");
  });

  test("is nothing to a site that does not use the name", async () => {
    const tell = vi.spyOn(SiteObject.prototype, "takeProfiles");
    await done("PUT", "/profiles/debian-12", { mode: "local" });
    await done("PUT", "/templates/answer", template("x"));
    await settleProfiles("lab");
    expect(tell).not.toHaveBeenCalled();
  });
});

describe("what is in use is not deleted", () => {
  test("a profile of a machine, of a site, of a menu; a template and an image of a profile", async () => {
    await done("PUT", "/profiles/menu", {
      mode: "menu",
      title: "Lab",
      items: [{ key: "live", label: "Live", profile: "live" }],
      default: "live",
    });
    await done("PUT", "/sites/lab", { defaultProfile: "menu" });
    await settleProfiles("lab");
    const refusal = async (path: string) => {
      const reply = await api("DELETE", path);
      expect(reply.status, path).toBe(409);
      return reply.json.detail;
    };
    expect(await refusal("/profiles/live")).toContain('in use by profile "menu", site "lab"');
    expect(await refusal("/profiles/menu")).toContain('in use by site "lab"');
    expect(await refusal("/templates/motd")).toContain('in use by profile "live"');
    expect(await refusal("/images/debian-12")).toContain('profile "live"');

    await done("PUT", "/sites/lab", {});
    await api("DELETE", "/sites/lab/machines/node1");
    await settleProfiles("lab");
    for (const path of ["/profiles/menu", "/profiles/live", "/templates/motd"]) {
      expect((await api("DELETE", path)).status, path).toBe(204);
    }
  });

  test("a site that is gone uses nothing", async () => {
    await api("DELETE", "/sites/lab/machines/node1");
    await api("DELETE", "/sites/lab");
    expect((await api("DELETE", "/profiles/live")).status).toBe(204);
  });
});

test("secrets that go to a site are reads of them", async () => {
  const { items } = await done("GET", "/audit?limit=1000");
  const reads = items.filter(({ action }: { action: string }) => action === "READ");
  expect(reads.at(-1)).toMatchObject({ target: "/secrets/motd", detail: { profile: "live" } });
});

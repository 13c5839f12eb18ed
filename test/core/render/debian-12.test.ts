import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseTemplate } from "../../../core/render/parse.ts";
import { checkTemplate, renderTemplate } from "../../../core/render/render.ts";
import { hasDebconf, readThroughDebconf } from "./debconf.ts";

const template = parseTemplate(
  readFileSync(new URL("../../../templates/preseed/debian-12.mustache", import.meta.url), "utf8"),
);

const view = {
  machine: { id: "m1", name: "web-1", mac: "52:54:00:12:34:56", macs: ["52:54:00:12:34:56"] },
  site: { name: "berlin" },
  attempt: { id: "a1" },
  urls: {
    base: "http://192.168.77.1:8080",
    host: "192.168.77.1:8080",
    answers: "http://192.168.77.1:8080/a/CAP/",
    events: "http://192.168.77.1:8080/e/CAP/",
  },
  mirrorHost: "mirror.example",
  securityHost: "security.example",
};
const full = {
  ...view,
  relayMirror: "debian",
  layout: "lvm",
  disk: "/dev/nvme0n1",
  userName: "ops",
  userFullName: 'Ops & Co. "#1" — Zoë\'s',
  userPasswordHash: "$6$salt$hash/.",
  rootPasswordHash: "$y$j9T$salt$hash/.",
  sshKeys: ["ssh-ed25519 AAAA it's me", "ssh-rsa BBBB $HOME"],
  domain: "example.org",
  packages: ["openssh-server", "curl"],
  updates: false,
};

const render = (given: Record<string, unknown>): string =>
  renderTemplate(template, given, { name: "debian-12" });

test("renders with nothing but what the control plane gives", () => {
  expect(checkTemplate(template, view)).toEqual([]);
  expect(render(view)).not.toMatch(/\{\{|undefined|null$/m);
});

test.each(Object.entries(template.examples))("renders its example %s", (_, example) => {
  expect(
    checkTemplate(template, { ...view, mirrorHost: undefined, securityHost: undefined, ...example }),
  ).toEqual([]);
});

test("says all that is missing", () => {
  const missing = checkTemplate(template, {}).map((problem) => problem.variable);
  expect(new Set(missing)).toEqual(
    new Set(["mirrorHost", "machine.name", "machine.mac", "attempt.id", "urls.events"]),
  );
});

test.each([
  [{ disk: "/dev/sda; rm -rf /" }, "pattern-mismatch"],
  [{ locale: "en_US\nd-i x/y string z" }, "pattern-mismatch"],
  [{ packages: ["a\nd-i x/y string z"] }, "pattern-mismatch"],
  [{ sshKeys: ["a\nb"] }, "unrenderable-value"],
  [{ machine: { name: "a\n" } }, "unrenderable-value"],
  [{ ntp: "yes" }, "wrong-type"],
])("refuses %j", (given, code) => {
  expect(checkTemplate(template, { ...view, ...given }).map((problem) => problem.code)).toContain(code);
});

describe.skipIf(!hasDebconf)("as debconf reads it", () => {
  test.each([
    ["least", view],
    ["full", full],
  ])("%s: the format is valid, without a warning", (_, given) => {
    const { status, stderr } = spawnSync("debconf-set-selections", ["--checkonly"], {
      input: render(given),
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C.UTF-8" },
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  test("least: first disk, no user, root disabled, all suites", () => {
    const read = readThroughDebconf(render(view), [
      "mirror/http/hostname",
      "mirror/http/directory",
      "partman-auto/method",
      "passwd/make-user",
      "passwd/root-password-crypted",
      "apt-setup/services-select",
    ]);
    expect(read).toEqual(["mirror.example", "/debian", "regular", "false", "!", "security, updates"]);
  });

  test("full: every value arrives", () => {
    const read = readThroughDebconf(render(full), [
      "mirror/http/hostname",
      "mirror/http/directory",
      "partman-auto/method",
      "passwd/username",
      "passwd/user-fullname",
      "passwd/user-password-crypted",
      "passwd/root-password-crypted",
      "apt-setup/services-select",
      "pkgsel/include",
    ]);
    expect(read).toEqual([
      "192.168.77.1:8080",
      "/mirror/debian",
      "lvm",
      full.userName,
      full.userFullName,
      full.userPasswordHash,
      full.rootPasswordHash,
      "security",
      `${full.packages.join(" ")} sudo`,
    ]);
  });
});

import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";

import { ipv4ListOption, textOption, u8Option } from "../../../core/dhcp-packet/index.ts";
import { closestName } from "../../../core/closest-name.ts";
import { loadRelayConfig, parseRelayConfig } from "../../../relay/config/parse.ts";
import { RelayConfigError } from "../../../relay/config/problems.ts";

const MINIMAL = `
controlPlane: { url: "https://pxe.example.com" }
interfaces:
  - name: eth1
    dhcp: { mode: server, range: [192.168.77.50, 192.168.77.99] }
`;

function problemsOf(text: string): string {
  try {
    parseRelayConfig(text, "relay.yaml");
  } catch (error) {
    if (error instanceof RelayConfigError) return error.message;
    throw error;
  }
  return "no problem";
}

describe("a configuration that is right", () => {
  test("defaults fill in what is not said", () => {
    expect(parseRelayConfig(MINIMAL, "relay.yaml")).toEqual({
      controlPlane: { url: "https://pxe.example.com", decisionSeconds: 3 },
      stateDir: "/var/lib/pxedge",
      interfaces: [
        {
          name: "eth1",
          dhcp: {
            mode: "server",
            ranges: [["192.168.77.50", "192.168.77.99"]],
            exclude: [],
            dns: [],
            ntp: [],
            options: [],
            leaseSeconds: 3600,
            subnets: [],
            answer: "any",
            vendorClasses: [],
            authoritative: false,
            probe: true,
            leasesPerPort: 64,
            port: 67,
            clientPort: 68,
          },
        },
      ],
      tftp: { root: "/usr/lib/ipxe", port: 69 },
      admin: { address: "127.0.0.1", port: 9180 },
      http: { port: 8080, maxRate: null, maxRatePerClient: null },
      bootFiles: {
        bios: ["undionly.kpxe"],
        "efi-ia32": [],
        "efi-x86_64": ["snponly.efi", "ipxe.efi", "ipxe-amd64.efi"],
        "efi-arm32": [],
        "efi-arm64": ["ipxe-arm64.efi"],
        "efi-riscv64": ["ipxe-riscv64.efi"],
        "efi-loongarch64": ["ipxe-loong64.efi"],
        "raspberry-pi": ["bootcode.bin", "start4.elf", "config.txt"],
      },
      cache: { maxBytes: 50 * 1024 ** 3, mirrorBytes: null, maxRate: null, prefetch: true },
      mirrors: {},
      log: { level: "info", format: "json" },
    });
  });

  test.each([
    ["1048576", 1048576],
    ["64MiB", 64 * 1024 ** 2],
    ["1.5 GiB", 1.5 * 1024 ** 3],
    ["2TiB", 2 * 1024 ** 4],
    ["512B", 512],
  ])("a size of %s is %i bytes", (text, bytes) => {
    const { cache } = parseRelayConfig(
      `${MINIMAL}cache: { maxBytes: ${text}, maxRate: 20Mbit/s, prefetch: false }\n`,
      "relay.yaml",
    );
    expect(cache).toEqual({ maxBytes: bytes, mirrorBytes: null, maxRate: 2_500_000, prefetch: false });
  });

  test("a mirror, and the part of the disk that is for mirrors", () => {
    const mirror = '{ upstream: "http://deb.example/debian/", immutable: ["/isos/**"] }';
    const { cache, mirrors } = parseRelayConfig(
      `${MINIMAL}cache: { maxBytes: 20GiB, mirrorBytes: 10GiB }\nmirrors: { debian: ${mirror} }\n`,
      "relay.yaml",
    );
    expect(cache.mirrorBytes).toBe(10 * 1024 ** 3);
    expect(mirrors).toEqual({
      debian: { upstream: "http://deb.example/debian", redirects: [], immutable: ["/isos/**"] },
    });
    expect(problemsOf(`${MINIMAL}cache: { maxBytes: 1GiB, mirrorBytes: 2GiB }\n`)).toContain(
      "cache.mirrorBytes: is a part of cache.maxBytes, and must not be larger",
    );
    expect(
      problemsOf(`${MINIMAL}mirrors: { m: { upstream: "http://m.example", immutable: ["isos"] } }\n`),
    ).toContain(
      "mirrors.m.immutable[0]: must be a pattern of paths below the upstream that begins with /, e.g. /isos/**",
    );
  });

  test.each(["50GB", "-1", "lots", "[1]", "GiB"])("a size of %s is none", (text) => {
    expect(problemsOf(`${MINIMAL}cache: { maxBytes: ${text} }\n`)).toContain(
      "cache.maxBytes: must be a size such as 50GiB (B, KiB, MiB, GiB, TiB)",
    );
  });

  test("everything that can be said is kept", () => {
    const config = parseRelayConfig(
      `controlPlane: { url: "http://127.0.0.1:8787/" }
stateDir: /srv/pxedge
interfaces:
  - name: eth1
    dhcp: &dhcp
      mode: server
      range: [192.168.77.50, 192.168.77.99]
      router: 192.168.77.1
      dns: [192.168.77.1, 9.9.9.9]
      domain: lab.example.com
      ntp: [192.168.77.1]
      mtu: 9000
      exclude: [192.168.77.60, [192.168.77.70, 192.168.77.79]]
      options: { 150: { ip: [192.168.77.1] }, 252: "http://wpad/", 43: { hex: 0104c0a84d01 }, 19: { u8: 0 } }
      leaseSeconds: 600
      answer: registered
      vendorClasses: [PXEClient, HTTPClient]
      authoritative: true
      probe: false
      leasesPerPort: 8
      port: 6767
      clientPort: 6868
      subnets:
        - { network: 10.20.0.0/16, ranges: [[10.20.1.1, 10.20.1.9], [10.20.2.1, 10.20.2.9]], router: 10.20.0.1 }
        - { network: 10.30.0.0/24, range: [10.30.0.1, 10.30.0.9], dns: [], domain: b.example, leaseSeconds: 60 }
  - name: eth2
    dhcp: { mode: off }
  - name: eth3
    dhcp: { mode: proxy }
  - name: eth4
    dhcp: { mode: auto, answer: registered, port: 6767, clientPort: 6868, bootPort: 4012 }
tftp: { root: /srv/tftp, port: 6969 }
http: { port: 80, maxRate: 1Gbit/s, maxRatePerClient: 20.5 MiB/s }
bootFiles: { efi-x86_64: [shimx64.efi] }
log: { level: debug, format: pretty }
`,
      "relay.yaml",
    );
    expect(config.controlPlane.url).toBe("http://127.0.0.1:8787");
    const shared = { ntp: ["192.168.77.1"], exclude: [] };
    const options = [
      ipv4ListOption(150, ["192.168.77.1"]),
      textOption(252, "http://wpad/"),
      { code: 43, data: Uint8Array.of(1, 4, 192, 168, 77, 1) },
      u8Option(19, 0),
    ];
    expect(config.interfaces).toEqual([
      {
        name: "eth1",
        dhcp: {
          mode: "server",
          ranges: [["192.168.77.50", "192.168.77.99"]],
          exclude: [
            ["192.168.77.60", "192.168.77.60"],
            ["192.168.77.70", "192.168.77.79"],
          ],
          router: "192.168.77.1",
          dns: ["192.168.77.1", "9.9.9.9"],
          domain: "lab.example.com",
          ntp: ["192.168.77.1"],
          mtu: 9000,
          options: expect.arrayContaining(options),
          leaseSeconds: 600,
          answer: "registered",
          vendorClasses: ["PXEClient", "HTTPClient"],
          authoritative: true,
          probe: false,
          leasesPerPort: 8,
          port: 6767,
          clientPort: 6868,
          subnets: [
            {
              network: "10.20.0.0/16",
              ranges: [
                ["10.20.1.1", "10.20.1.9"],
                ["10.20.2.1", "10.20.2.9"],
              ],
              router: "10.20.0.1",
              dns: ["192.168.77.1", "9.9.9.9"],
              domain: "lab.example.com",
              options: expect.arrayContaining(options),
              leaseSeconds: 600,
              ...shared,
            },
            {
              network: "10.30.0.0/24",
              ranges: [["10.30.0.1", "10.30.0.9"]],
              dns: [],
              domain: "b.example",
              options: expect.arrayContaining(options),
              leaseSeconds: 60,
              ...shared,
            },
          ],
        },
      },
      { name: "eth2", dhcp: { mode: "off" } },
      {
        name: "eth3",
        dhcp: { mode: "proxy", answer: "any", vendorClasses: [], port: 67, clientPort: 68, bootPort: 4011 },
      },
      {
        name: "eth4",
        dhcp: {
          mode: "auto",
          answer: "registered",
          vendorClasses: [],
          port: 6767,
          clientPort: 6868,
          bootPort: 4012,
        },
      },
    ]);
    expect(config.bootFiles["efi-x86_64"]).toEqual(["shimx64.efi"]);
    expect(config.bootFiles.bios).toEqual(["undionly.kpxe"]);
    expect(config.http).toEqual({ port: 80, maxRate: 125_000_000, maxRatePerClient: 21_495_808 });
    expect(config.log).toEqual({ level: "debug", format: "pretty" });
  });
});

describe("a rate", () => {
  const parse = (text: string) =>
    parseRelayConfig(`${MINIMAL}http: { maxRate: ${text} }\n`, "relay.yaml").http.maxRate;

  test.each([
    ["16384B/s", 16_384],
    ["512KiB/s", 524_288],
    ["1.5 MiB/s", 1_572_864],
    ["1GiB/s", 1_073_741_824],
    ["800kbit/s", 100_000],
    ["20Mbit/s", 2_500_000],
    ["null", null],
  ])("%s", (text, bytesPerSecond) => {
    expect(parse(text)).toBe(bytesPerSecond);
  });

  test.each([
    ["5000000", "must be a rate such as 100MiB/s or 1Gbit/s"],
    ["100MB/s", "must be a rate such as"],
    ["100MiB", "must be a rate such as"],
    ["-1MiB/s", "must be a rate such as"],
    ["100kbit/s", "must be at least 16KiB/s"],
    ["[1]", "must be a rate such as"],
  ])("%s is none", (text, problem) => {
    expect(() => parse(text)).toThrow(`http.maxRate: ${problem}`);
  });
});

describe("a configuration that is wrong", () => {
  test("every problem is told at once, with its file, line and field", async () => {
    const text = readFileSync(new URL("every-problem.yaml", import.meta.url), "utf8");
    await expect(`${problemsOf(text)}\n`).toMatchFileSnapshot("every-problem.golden.txt");
  });

  test("problems carry line and column as numbers", () => {
    const text = MINIMAL.replace("192.168.77.99", "192.168.77.256");
    expect(() => parseRelayConfig(text, "relay.yaml")).toThrow(
      expect.objectContaining({
        code: "RELAY_CONFIG_INVALID",
        problems: [
          {
            line: 5,
            column: 50,
            field: "interfaces[0].dhcp.range[1]",
            message: "192.168.77.256 is not an IPv4 address",
          },
        ],
      }),
    );
  });

  test.each([
    ["an empty file", "", "relay.yaml:1: the file is empty"],
    ["comments only", "# soon\n", "relay.yaml:1: the file is empty"],
    ["a list", "- eth1\n", "relay.yaml:1: the file holds a list; it must hold controlPlane and interfaces"],
    ["a key twice", "http:\n  port: 1\nhttp:\n  port: 2\n", "relay.yaml:3: Map keys must be unique"],
    [
      "no interface",
      MINIMAL.replace(/interfaces:[^]*/, "interfaces: []"),
      "relay.yaml:3: interfaces: must name at least one interface: nothing is answered on an interface that is not named",
    ],
    ["no control plane", MINIMAL.replace(/controlPlane.*/, ""), "relay.yaml:3: controlPlane: is missing"],
    [
      "a password in the URL",
      MINIMAL.replace("pxe.example", "me:secret@pxe.example"),
      "relay.yaml:2: controlPlane.url: must be the http:// or https:// address of the control plane, without a path, query or password",
    ],
    [
      "a range in auto mode",
      MINIMAL.replace("server, range", "auto, range"),
      "relay.yaml:5: interfaces[0].dhcp.range: has no meaning with mode: auto; take it out",
    ],
  ])("%s", (_, text, expected) => {
    expect(problemsOf(text)).toBe(expected);
  });

  test("a broken document is one problem at its line", () => {
    expect(problemsOf("controlPlane: { url: x\nlog: {\n")).toMatch(/^relay\.yaml:\d: /);
  });

  test("aliases cannot blow a small file up", () => {
    const levels = Array.from({ length: 20 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`);
    expect(problemsOf(`l0: &l0 [x]\n${levels.join("\n")}\n`)).toMatch(/^relay\.yaml:\d+: /);
  });
});

describe("networks that contradict each other", () => {
  const OTHER = `  - name: eth2
    dhcp: { mode: server, range: [10.0.0.1, 10.0.0.9] }
`;
  const PLACE = /^relay\.yaml:(\d+): interfaces\[0\]\.dhcp/;

  test.each([
    [
      "ranges that overlap",
      `ranges: [[192.168.77.50, 192.168.77.99], [192.168.77.99, 192.168.77.120]]`,
      "relay.yaml:5: interfaces[0].dhcp.ranges[1]: overlaps 192.168.77.50 to 192.168.77.99 of eth1",
    ],
    [
      "a range outside its network",
      `subnets: [{ network: 10.9.0.0/24, range: [10.9.0.50, 10.9.1.50] }]`,
      "relay.yaml:5: interfaces[0].dhcp.subnets[0].range: 10.9.0.50 to 10.9.1.50 does not lie in 10.9.0.0/24",
    ],
    [
      "networks that overlap",
      `subnets: [{ network: 10.9.0.0/16 }, { network: 10.9.4.0/24 }]`,
      "relay.yaml:5: interfaces[0].dhcp.subnets[1].network: overlaps 10.9.0.0/16 of eth1",
    ],
  ])("%s cost their own interface its DHCP, and no other", (_, settings, problem) => {
    const text = MINIMAL.replace("range: [192.168.77.50, 192.168.77.99]", settings) + OTHER;
    const { interfaces } = parseRelayConfig(text, "relay.yaml");
    expect(interfaces[0]?.dhcp).toEqual({ mode: "refused", problems: [problem] });
    expect(problem).toMatch(PLACE);
    expect(interfaces[1]?.dhcp.mode).toBe("server");
  });

  test("of two interfaces whose ranges overlap the first is served", () => {
    const text = MINIMAL + OTHER.replace("10.0.0.1, 10.0.0.9", "192.168.77.90, 192.168.77.120");
    const { interfaces } = parseRelayConfig(text, "relay.yaml");
    expect(interfaces[0]?.dhcp.mode).toBe("server");
    expect(interfaces[1]?.dhcp).toEqual({
      mode: "refused",
      problems: ["relay.yaml:7: interfaces[1].dhcp.range: overlaps 192.168.77.50 to 192.168.77.99 of eth1"],
    });
  });
});

test("a file that is not there is one sentence", async () => {
  await expect(loadRelayConfig("/nowhere/relay.yaml")).rejects.toThrow(
    expect.objectContaining({
      code: "RELAY_CONFIG_UNREADABLE",
      message: expect.stringMatching(/^\/nowhere\/relay\.yaml cannot be read: ENOENT/),
    }),
  );
});

test("a file is read from disk and named as it was given", async () => {
  const dir = await mkdtemp(join(tmpdir(), "pxedge-config-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const file = join(dir, "relay.yaml");
  await writeFile(file, "frobnicate: 1");
  await expect(loadRelayConfig(file)).rejects.toThrow(`${file}:1: frobnicate: is not known here`);
});

test.each([
  ["leaseSecond", "leaseSeconds"],
  ["prot", "port"],
  ["Router", "router"],
  ["xyzzy", undefined],
])("the closest key to %s is %s", (typed, meant) => {
  expect(closestName(typed, ["port", "router", "leaseSeconds"])).toBe(meant);
});

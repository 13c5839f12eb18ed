import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readMachinesFile } from "../../../cli/fleet/machines-file.ts";
import { formatProblem } from "../../../cli/fleet/place.ts";
import { missingNeed } from "../../relay/net/needs.ts";

function read(file: string, text: string) {
  const { machines, problems, notices } = readMachinesFile(file, text);
  return {
    machines: Object.fromEntries(machines.map(({ name, document }) => [name, document])),
    lines: Object.fromEntries(machines.map(({ name, locate }) => [name, locate("macs[0]").line])),
    problems: problems.map(formatProblem),
    notices: notices.map(formatProblem),
  };
}

const DNSMASQ = "/usr/sbin/dnsmasq";
const CONFIGURATION = `
# A comment, and options that say nothing of hosts
domain-needed
dhcp-range=192.168.0.50,192.168.0.150,12h
dhcp-host=52:54:00:00:00:01
dhcp-host=52:54:00:00:00:02,192.168.0.60
dhcp-host=52:54:00:00:00:03,set:Rack1,192.168.0.61,Web1,45m   # the first web server
dhcp-host=52:54:00:00:00:04,52:54:00:00:00:05,infinite,laptop.example.org
dhcp-host=06-52:54:00:00:00:06,tag:known,old
dhcp-host=id:01:02:02:04,52:54:00:00:00:07,[1234::56],six
dhcp-host=52:54:00:00:00:08,ignore
dhcp-host=52:54:00:00:00:*,any
dhcp-host=bert,192.168.0.70
`;

describe("dnsmasq's hosts", () => {
  test("from its configuration", () => {
    const { machines, problems, notices, lines } = read("lab.conf", CONFIGURATION);
    expect(machines).toEqual({
      "52-54-00-00-00-01": { macs: ["52:54:00:00:00:01"] },
      "52-54-00-00-00-02": { macs: ["52:54:00:00:00:02"], address: "192.168.0.60" },
      web1: { macs: ["52:54:00:00:00:03"], address: "192.168.0.61", labels: { rack1: "true" } },
      "laptop.example.org": { macs: ["52:54:00:00:00:04", "52:54:00:00:00:05"] },
      old: { macs: ["52:54:00:00:00:06"] },
      six: { macs: ["52:54:00:00:00:07"] },
    });
    expect(lines["web1"]).toBe(7);
    expect(problems).toEqual([
      'lab.conf:12: "52:54:00:00:00:*" is not one MAC: name each machine by its own',
      "lab.conf:13: has no MAC, so the machine could not be recognised",
    ]);
    expect(notices).toEqual([
      'lab.conf:9: "tag:known" has no counterpart, and is left out',
      'lab.conf:10: "id:01:02:02:04" has no counterpart, and is left out',
      'lab.conf:10: "[1234::56]": only IPv4 is served, and it is left out',
      "lab.conf:11: is told to be ignored, and left out",
    ]);
  });

  const lack = missingNeed({ programs: [DNSMASQ] });
  test.skipIf(lack !== undefined)("the configuration above is one that dnsmasq takes", () => {
    const directory = mkdtempSync(join(tmpdir(), "pxedge-dnsmasq-"));
    try {
      const file = join(directory, "dnsmasq.conf");
      writeFileSync(file, CONFIGURATION);
      const check = () => execFileSync(DNSMASQ, ["--test", "-C", file], { stdio: "pipe" });
      expect(check).not.toThrow();
      // It would tell.
      writeFileSync(
        file,
        `${CONFIGURATION}dhcp-host=52:54:00:00:00:01,192.168.0.300.1,,,x y,z\nno-such-option\n`,
      );
      expect(check).toThrow(/bad|illegal|invalid/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("from a dhcp-hostsfile and from /etc/ethers", () => {
    expect(read("lab.hosts", "52:54:00:00:00:01,web1,192.168.0.9\n\n525400000002\n").machines).toEqual({
      web1: { macs: ["52:54:00:00:00:01"], address: "192.168.0.9" },
      "52-54-00-00-00-02": { macs: ["52:54:00:00:00:02"] },
    });
    expect(read("lab.ethers", "52:54:00:00:00:01\tweb1\r\n52:54:00:00:00:02 10.0.0.2\n")).toMatchObject({
      machines: {
        web1: { macs: ["52:54:00:00:00:01"] },
        "52-54-00-00-00-02": { address: "10.0.0.2" },
      },
      problems: [],
    });
    expect(read("x.hosts", "what is this\n52:54:00:00:00:01,a b").problems).toEqual([
      'x.hosts:1: "what is this" is no MAC, IPv4 address, name, set:TAG or lease time',
      'x.hosts:2: "a b" is no MAC, IPv4 address, name, set:TAG or lease time',
    ]);
  });
});

describe("a table", () => {
  test("with quotes, empty cells, comments, labels and variables that have a type", () => {
    const text =
      "\ufeffname,mac,serial,protected,labels.rack,variables.count,variables.keys,variables.zip\r\n" +
      '# a comment\r\nweb1,52:54:00:00:00:01;52:54:00:00:00:02,"A,1",yes,r1,3,"[a, b]","""0815"""\r\n\r\n' +
      "web2,,S2,no,,,,\r\n";
    const { machines, problems, lines } = read("m.csv", text);
    expect(problems).toEqual([]);
    expect(machines).toEqual({
      web1: {
        macs: ["52:54:00:00:00:01", "52:54:00:00:00:02"],
        serial: "A,1",
        protected: true,
        labels: { rack: "r1" },
        variables: { count: 3, keys: ["a", "b"], zip: "0815" },
      },
      web2: { serial: "S2", protected: false },
    });
    expect(lines).toEqual({ web1: 3, web2: 5 });
  });

  test("whose columns or cells are wrong says where", () => {
    expect(read("m.csv", "nam,macs,macs\n").problems).toEqual([
      'm.csv:1: the first line names the columns, and "name" is one of them',
      'm.csv:1: there is no column "nam"; did you mean "name"?',
      'm.csv:1: there are two columns "macs"',
    ]);
    expect(read("m.csv", "name,protected\n,yes\nb,perhaps\nc\n").problems).toEqual([
      "m.csv:2: name: is empty",
      'm.csv:3: protected: "perhaps" is neither yes nor no',
      "m.csv:4: has 1 cells, the first line names 2 columns",
    ]);
    expect(read("m.csv", 'name\n"open\n').problems).toEqual([
      expect.stringMatching(/^m\.csv:\d+: .*[Qq]uote/),
    ]);
    expect(read("m.csv", "").machines).toEqual({});
  });
});

describe("YAML", () => {
  test("a mapping, a list, aliases, nothing at all", () => {
    const { machines, lines } = read(
      "m.yaml",
      "a: &a\n  macs: [x]\nb:\n  <<: {}\n  macs:\n    - y\nc: *a\nd:\n",
    );
    expect(machines).toMatchObject({ a: { macs: ["x"] }, c: { macs: ["x"] }, d: {} });
    expect(lines).toMatchObject({ a: 2, b: 6 });
    expect(read("m.yaml", "- name: a\n  macs: [x]\n").machines).toEqual({ a: { name: "a", macs: ["x"] } });
    expect(read("m.yaml", "# nothing\n").machines).toEqual({});
    expect(read("m.json", '{"a": {"serial": "1"}}').machines).toEqual({ a: { serial: "1" } });
  });

  test("in which a key is there twice says where both are, in mappings of any kind", () => {
    const { machines, problems } = read(
      "m.yaml",
      "a:\n  macs: [x]\n  macs: [y]\n1: { x: 1, 'x': 2 }\n'1': {}\n1: {}\n",
    );
    expect(machines).toEqual({});
    expect(problems.toSorted()).toEqual([
      'm.yaml:3:3: "macs" is there already, in line 2: keys of a mapping are unique',
      'm.yaml:4:12: "x" is there already, in line 4: keys of a mapping are unique',
      'm.yaml:6:1: "1" is there already, in line 4: keys of a mapping are unique',
    ]);
  });

  test("that is no machines says where", () => {
    expect(read("m.yaml", "a: text\nb: { name: c }\n").problems).toEqual([
      "m.yaml:1:1: a: a machine's members are expected: macs, profile, …",
      'm.yaml:2:6: b.name: the machine is called "b" by its key',
    ]);
    expect(read("m.yaml", "- macs: [x]\n").problems).toEqual([
      "m.yaml:1:3: name: is missing: a machine has a name",
    ]);
    expect(read("m.yaml", "text\n").problems).toEqual([
      "m.yaml:1: a mapping of names to machines is expected, or a list",
    ]);
  });
});

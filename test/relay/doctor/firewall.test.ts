import { expect, test } from "vitest";
import { findClosedPorts, type ServicePort } from "../../../relay/doctor/firewall.ts";

const PORTS: readonly ServicePort[] = [
  { protocol: "udp", port: 67 },
  { protocol: "udp", port: 69 },
  { protocol: "tcp", port: 8080 },
];
const chain = (policy: string, name = "input") => ({
  chain: { family: "inet", table: "f", name, hook: "input", policy },
});
const rule = (...expr: Record<string, unknown>[]) => ({
  rule: { family: "inet", table: "f", chain: "input", expr },
});
const dport = (protocol: string, right: unknown) => ({
  match: { op: "==", left: { payload: { protocol, field: "dport" } }, right },
});
const meta = (key: string, right: unknown) => ({ match: { op: "==", left: { meta: { key } }, right } });
const ACCEPT = { accept: null };

test.each([
  ["no rules at all", [], []],
  ["an accepting policy", [chain("accept")], []],
  ["a dropping policy", [chain("drop")], [67, 69, 8080]],
  ["ports in a set", [chain("drop"), rule(dport("udp", { set: [67, 69] }), ACCEPT)], [8080]],
  [
    "ports in a range",
    [chain("drop"), rule(dport("tcp", { set: [{ range: [8000, 9000] }] }), ACCEPT)],
    [67, 69],
  ],
  ["the right port of the wrong protocol", [chain("drop"), rule(dport("tcp", 69), ACCEPT)], [67, 69, 8080]],
  ["any protocol's port", [chain("drop"), rule(meta("l4proto", "udp"), dport("th", 67), ACCEPT)], [69, 8080]],
  ["the interface as a whole", [chain("drop"), rule(meta("iifname", "eth1"), ACCEPT)], []],
  ["another interface", [chain("drop"), rule(meta("iifname", "lo"), ACCEPT)], [67, 69, 8080]],
  [
    "what is known already",
    [
      chain("drop"),
      rule({ match: { op: "in", left: { ct: { key: "state" } }, right: "established" } }, ACCEPT),
    ],
    [67, 69, 8080],
  ],
  [
    "a last rule that rejects",
    [chain("accept"), rule(dport("udp", 67), ACCEPT), rule({ reject: null })],
    [69, 8080],
  ],
])("%s", (_, items, closed) => {
  expect(findClosedPorts(items, ["eth1"], PORTS).map(({ port }) => port)).toEqual(closed);
});

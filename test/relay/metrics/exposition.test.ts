import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";

import { encode } from "../../../core/dhcp-packet/index.ts";
import { discover } from "../dhcp/support/client-packets.ts";
import { ask } from "../http/fixture.ts";
import { missingNeed } from "../net/needs.ts";
import { configure, start, startFakeSite, urlOf } from "../relay-fixture.ts";
import { openClient } from "../tftp/client.ts";

const ROOT = new URL("../../../", import.meta.url);
const need = missingNeed({ programs: ["/usr/lib/python3/dist-packages/prometheus_client/parser.py"] });

/** What is exposed by a relay that was asked for a script, a file by TFTP and an address. */
async function scrape(): Promise<string> {
  const config = await configure((await startFakeSite()).url);
  const relay = await start(config);
  await ask(`${urlOf(relay)}/boot/52-54-00-00-00-01/script.ipxe`);
  const client = await openClient();
  onTestFinished(() => client.close());
  client.send({ kind: "rrq", filename: "snponly.efi", mode: "octet", options: [] }, config.tftp.port);
  const { packet, from } = await client.expect("data");
  client.send({ kind: "ack", block: packet.block }, from.port);
  const { dhcp } = config.interfaces[0]!;
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  if (dhcp.mode === "server")
    socket.send(encode(discover({ mac: "02:00:00:00:00:01" })), dhcp.port, "127.0.0.1");
  const metrics = async () => (await ask(`http://127.0.0.1:${config.admin.port}/metrics`)).body;
  await expect.poll(metrics).toMatch(/^pxedge_tftp_transfers_total\{interface="lo",end="sent"\} 1$/m);
  await expect.poll(metrics).toMatch(/^pxedge_dhcp_requests_total\{interface="lo",type="discover"\} 1$/m);
  return metrics();
}

/** Names and types that a text says it has. */
function families(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`).toSorted();
}

test("what docs/metrics.md names is what is exposed, with types and labels", async () => {
  const text = await scrape();
  const page = readFileSync(new URL("docs/metrics.md", ROOT), "utf8");
  const rows = [...page.matchAll(/^\| `(\w+)` +\| (counter|gauge|histogram) +\| ([^|]*)\|/gm)];
  expect(rows.map(([, name, type]) => `${name} ${type}`).toSorted()).toEqual(families(text));
  for (const [, name, type, labels] of rows) {
    const documented = [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label!).toSorted();
    const sample = new RegExp(`^${name}${type === "histogram" ? "_count" : ""}(?:\\{(.*)\\})? `, "m").exec(
      text,
    );
    if (sample === null) continue;
    const exposed = [...(sample[1] ?? "").matchAll(/(\w+)="/g)].map(([, label]) => label!).toSorted();
    expect({ name, labels: exposed }).toEqual({ name, labels: documented });
  }
});

describe("the dashboard", () => {
  test("asks only for what is exposed", async () => {
    const exposed = new Set(
      families(await scrape()).flatMap((family) => {
        const [name, type] = family.split(" ");
        return type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
      }),
    );
    const text = readFileSync(new URL("deploy/grafana/pxedge-relay.json", ROOT), "utf8");
    const { panels } = JSON.parse(text) as { panels: { title: string; targets: { expr: string }[] }[] };
    expect(panels.length).toBeGreaterThan(0);
    for (const { title, targets } of panels) {
      for (const { expr } of targets) {
        const names = expr.match(/\b(?:pxedge|process)_\w+/g) ?? [];
        expect({ title, expr, names: names.length }).not.toMatchObject({ names: 0 });
        for (const name of names) expect(exposed, `${title}: ${expr}`).toContain(name);
      }
    }
  });
});

test.skipIf(need !== undefined)("Prometheus' own Python parser reads what is exposed", async () => {
  const text = await scrape();
  const program = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
found = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation, family.name
    for sample in family.samples:
        # As promtool's lint has it: others' tools take it for a summary's.
        assert "quantile" not in sample.labels or family.type == "summary", sample
        found.setdefault(family.type, []).append(sample.name)
print(json.dumps({kind: len(names) for kind, names in found.items()}))
`;
  const counts = JSON.parse(
    execFileSync("/usr/bin/python3", ["-c", program], { input: text, encoding: "utf8" }),
  ) as Record<string, number>;
  expect(Object.keys(counts).toSorted()).toEqual(["counter", "gauge", "histogram"]);
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(samples.length);
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Finding } from "../../relay/doctor/finding.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { addHost, startDnsmasq } from "./dhcp-lan.ts";
import { startSite, type Site } from "./site.ts";

const PXEDGE = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const NFT = "/usr/sbin/nft";
const BOOT_FILES = "/usr/lib/ipxe";
const missing = missingNeed({
  root: true,
  programs: [NFT, "/usr/sbin/dnsmasq", "/usr/bin/socat", `${BOOT_FILES}/snponly.efi`],
});

describe.skipIf(missing !== undefined)(
  `pxedge relay doctor${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let directory: string;
    let lab: Lab;
    let site: Site;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "pxedge-doctor-"));
      lab = await createLab();
      site = await startSite(lab, { directory, tftpRoot: BOOT_FILES });
    });
    afterAll(async () => {
      await site?.stop();
      await lab?.close();
      rmSync(directory, { recursive: true, force: true });
    });

    /** What the doctor finds inside the relay's namespace. */
    async function examine(): Promise<{ code: number; findings: Finding[] }> {
      const doctor = [PXEDGE, "relay", "doctor", "--json", "--config", join(directory, "relay.yaml")];
      const child = await lab.spawn(process.execPath, doctor);
      const { code } = await child.exited;
      return { code: code!, findings: JSON.parse(child.output()) as Finding[] };
    }
    const of = (findings: readonly Finding[], check: string) =>
      findings.filter((finding) => finding.check === check);

    test("beside a relay that runs: no problem, and nothing of the relay's is disturbed", async () => {
      const { code, findings } = await examine();
      expect(findings.filter(({ status }) => status === "problem")).toEqual([]);
      expect(code).toBe(0);
      expect(of(findings, "relay")).toMatchObject([{ status: "ok", detail: "runs on this state folder" }]);
      expect(of(findings, "credentials")).toMatchObject([
        { status: "ok", detail: expect.stringContaining("site lab") },
      ]);
      expect(of(findings, "boot file for efi-x86_64")).toMatchObject([
        { status: "ok", detail: expect.stringMatching(/^snponly\.efi, iPXE \d/) },
      ]);
      expect(of(findings, "other DHCP servers on lan0")).toMatchObject([{ status: "ok" }]);
      expect(of(findings, "firewall")).toMatchObject([{ status: "ok" }]);
    });

    test("another DHCP server, a firewall, a taken port and a revoked key are each named", async () => {
      const { items } = await site.api.request("GET", "/sites/lab/relays");
      await site.api.request("DELETE", `/sites/lab/relays/${items[0].id}`);
      await site.killRelay();
      const peer = await addHost(lab, { mac: "02:00:00:00:99:07", address: "192.168.77.5/24" });
      onTestFinished(() => peer.close());
      const dnsmasq = await startDnsmasq(peer, {
        leaseFile: join(directory, "dnsmasq.leases"),
        ranges: ["192.168.77.100,192.168.77.110,1h"],
      });
      onTestFinished(() => dnsmasq.stop());
      const holder = await lab.spawn("/usr/bin/socat", ["UDP-LISTEN:69,bind=192.168.77.1", "-"]);
      onTestFinished(() => holder.stop());
      await lab.exec(NFT, ["add", "table", "inet", "f"]);
      await lab.exec(NFT, ["add chain inet f input { type filter hook input priority 0; policy drop; }"]);
      await lab.exec(NFT, ["add rule inet f input udp dport { 67, 68 } accept"]);
      await lab.exec(NFT, ["add rule inet f input ct state established accept"]);

      const { code, findings } = await examine();
      expect(code).toBe(1);
      expect(of(findings, "credentials")).toMatchObject([
        { status: "problem", detail: expect.stringContaining("refuses them") },
      ]);
      expect(of(findings, "other DHCP servers on lan0")).toMatchObject([
        { status: "problem", detail: "192.168.77.5 answers as well" },
      ]);
      expect(of(findings, "UDP port 69 on lan0")).toMatchObject([
        { status: "problem", detail: expect.stringContaining("socat") },
      ]);
      expect(of(findings, "firewall")).toMatchObject([
        { status: "warning", detail: expect.stringMatching(/UDP 69, TCP 8080$/) },
      ]);
    });
  },
);

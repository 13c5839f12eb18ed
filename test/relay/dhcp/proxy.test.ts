import { describe, expect, it } from "vitest";
import {
  bytesOption,
  decode,
  type DhcpOption,
  type DhcpPacket,
  encode,
  getIpv4,
  getOption,
  getText,
  getU8,
  MESSAGE_TYPE,
  OPTION,
} from "../../../core/dhcp-packet/index.ts";
import type { DhcpProxyConfig } from "../../../relay/config/model.ts";
import type { Service } from "../../../relay/dhcp/inbox.ts";
import type { Outcome } from "../../../relay/dhcp/outcome.ts";
import { handleAsProxy } from "../../../relay/dhcp/proxy.ts";
import { createProxyContext } from "../../../relay/dhcp/server-context.ts";
import { LeaseStore } from "../../../relay/leases/lease-store.ts";
import { clientId, discover, firmware, ipxe, MAC, message, request } from "./support/client-packets.ts";
import { INTERFACE, SERVER, START } from "./support/engine-bench.ts";

const CLIENT = { address: "192.168.77.123", port: 68 };
const CONFIG: DhcpProxyConfig = {
  mode: "proxy",
  answer: "any",
  vendorClasses: [],
  port: 67,
  clientPort: 68,
  bootPort: 4011,
};

const context = (overrides: Partial<DhcpProxyConfig> = {}) =>
  createProxyContext(
    {
      config: CONFIG,
      interface: INTERFACE,
      httpPort: 8080,
      bootFiles: { bios: ["undionly.kpxe"], "efi-x86_64": ["snponly.efi"], "efi-arm64": ["ipxe-arm64.efi"] },
      bootFileAvailable: () => true,
      leases: new LeaseStore({ path: ":memory:", now: () => START }),
      site: () => undefined,
      onEvent: () => undefined,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      now: () => START,
    },
    { ...CONFIG, ...overrides },
  );

function ask(packet: DhcpPacket, service: Service = "dhcp", source = CLIENT): Outcome {
  return handleAsProxy(packet, { service, source }, context(), START);
}

/** The reply as it comes off the wire. */
function replyTo(packet: DhcpPacket, service: Service = "dhcp"): DhcpPacket {
  const outcome = ask(packet, service);
  if (outcome.kind !== "reply") throw new Error(`no reply: ${outcome.reason}`);
  return decode(encode(outcome.packet, { maxBytes: outcome.maxBytes }));
}

/** What asks the boot server: EDK2 and iPXE by REQUEST, with the lease in ciaddr. */
function bootRequest(options: readonly DhcpOption[]): DhcpPacket {
  return message(MESSAGE_TYPE.REQUEST, { options, fields: { ciaddr: CLIENT.address } });
}

const codes = (packet: DhcpPacket): number[] => packet.options.map(({ code }) => code);

describe("P23 the proxy's OFFER", () => {
  it.each([
    ["BIOS", firmware(0), "undionly.kpxe"],
    ["EFI x86-64", firmware(7), "snponly.efi"],
    ["EFI arm64", firmware(11), "ipxe-arm64.efi"],
    ["iPXE", ipxe(7), `http://${SERVER}:8080/boot.ipxe`],
  ])("P23 P28 %s: no address, us by siaddr and 54, 60, no 51, 1 or 3", (_, options, file) => {
    const offer = replyTo(discover({ options: [...options, clientId(1, 2, 3)] }));
    expect(getU8(offer, OPTION.MESSAGE_TYPE)).toBe(MESSAGE_TYPE.OFFER);
    expect(offer).toMatchObject({ yiaddr: "0.0.0.0", ciaddr: "0.0.0.0", siaddr: SERVER, file });
    expect(getIpv4(offer, OPTION.SERVER_IDENTIFIER)).toBe(SERVER);
    expect(getText(offer, OPTION.VENDOR_CLASS_IDENTIFIER)).toBe("PXEClient");
    expect(getText(offer, OPTION.BOOTFILE_NAME)).toBe(file);
    for (const code of [51, 58, 59, 1, 3, 6, 28]) expect(codes(offer)).not.toContain(code);
    expect(getOption(offer, 97)).toEqual(getOption({ options }, 97));
    expect(getOption(offer, 61)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it("P24 UEFI gets no 43, so that it asks on 4011; BIOS and iPXE one that says to go ahead", () => {
    expect(codes(replyTo(discover({ options: firmware(7) })))).not.toContain(43);
    expect(codes(replyTo(discover({ options: firmware(11) })))).not.toContain(43);
    const go = Uint8Array.of(6, 1, 8, 255);
    expect(getOption(replyTo(discover({ options: firmware(0) })), 43)).toEqual(go);
    expect(getOption(replyTo(discover({ options: ipxe(7) })), 43)).toEqual(go);
  });

  it("P32 HTTP boot gets 60 = HTTPClient and an absolute URL", () => {
    const offer = replyTo(discover({ options: firmware(16, "HTTPClient") }));
    expect(getText(offer, 60)).toBe("HTTPClient");
    expect(getText(offer, 67)).toBe(`http://${SERVER}:8080/f/snponly.efi`);
    expect(offer.file).toBe(`http://${SERVER}:8080/f/snponly.efi`);
  });

  it("goes by broadcast, or through the agent", () => {
    expect(ask(discover({ options: firmware(7) }))).toMatchObject({
      destination: { address: "255.255.255.255", port: 68 },
    });
    const fields = { giaddr: "10.0.0.1" };
    expect(ask(discover({ options: firmware(7), fields }))).toMatchObject({
      destination: { address: "10.0.0.1", port: 67 },
    });
  });

  it.each([
    ["an operating system", discover(), "no-boot-client"],
    [
      "a PXE client without option 93",
      discover({ options: firmware(7).filter(({ code }) => code !== 93) }),
      "no-boot-client",
    ],
    ["an architecture without a boot file", discover({ options: firmware(33) }), "unsupported-architecture"],
    [
      "a REQUEST on 67",
      request("192.168.77.60", "192.168.77.9", { options: firmware(7) }),
      "address-from-other-server",
    ],
    ["a RELEASE", message(MESSAGE_TYPE.RELEASE, { options: firmware(7) }), "not-for-a-proxy"],
  ])("P23 is silent to %s", (_, packet, reason) => {
    expect(ask(packet)).toMatchObject({ kind: "silent", reason });
  });

  it("says which server was chosen", () => {
    const packet = request("192.168.77.60", "192.168.77.9", { options: firmware(7) });
    expect(ask(packet)).toMatchObject({ detail: { server: "192.168.77.9" } });
  });

  it("leaves strangers alone with answer: registered", () => {
    const only = context({ answer: "registered" });
    const outcome = handleAsProxy(
      discover({ options: firmware(7) }),
      { service: "dhcp", source: CLIENT },
      only,
      START,
    );
    expect(outcome).toMatchObject({ kind: "silent", reason: "not-registered" });
  });
});

describe("P24 P25 the boot server on 4011", () => {
  it.each([
    ["BIOS", firmware(0), "undionly.kpxe"],
    ["EFI x86-64", firmware(7), "snponly.efi"],
    ["iPXE", ipxe(0), `http://${SERVER}:8080/boot.ipxe`],
  ])(
    "P24 P25 %s: an ACK with the boot file, the same 54, back to where it was asked from",
    (_, options, file) => {
      const outcome = ask(bootRequest(options), "boot");
      expect(outcome).toMatchObject({ kind: "reply", destination: CLIENT, changes: [] });
      const ack = replyTo(bootRequest(options), "boot");
      expect(getU8(ack, OPTION.MESSAGE_TYPE)).toBe(MESSAGE_TYPE.ACK);
      expect(getIpv4(ack, OPTION.SERVER_IDENTIFIER)).toBe(SERVER);
      expect(getText(ack, OPTION.VENDOR_CLASS_IDENTIFIER)).toBe("PXEClient");
      expect(ack).toMatchObject({ yiaddr: "0.0.0.0", ciaddr: CLIENT.address, siaddr: SERVER, file });
      expect(outcome).toMatchObject({
        event: { mac: MAC, name: "acknowledged", detail: { bootFile: file, proxy: true } },
      });
    },
  );

  it("P26 71 goes back as it came, and 43 ends in 255", () => {
    const asked = bytesOption(43, Uint8Array.of(6, 1, 7, 71, 4, 0x80, 0, 0, 0, 255));
    const efi = replyTo(bootRequest([...firmware(7), asked]), "boot");
    expect(getOption(efi, 43)).toEqual(Uint8Array.of(71, 4, 0x80, 0, 0, 0, 255));
    const bios = replyTo(bootRequest([...firmware(0), asked]), "boot");
    expect(getOption(bios, 43)).toEqual(Uint8Array.of(6, 1, 8, 71, 4, 0x80, 0, 0, 0, 255));
  });

  it("takes an INFORM as well, and a broken 43", () => {
    const packet = message(MESSAGE_TYPE.INFORM, {
      options: [...firmware(7), bytesOption(43, Uint8Array.of(71, 9, 1))],
      fields: { ciaddr: CLIENT.address },
    });
    expect(replyTo(packet, "boot").file).toBe("snponly.efi");
  });
});

import { describe, expect, test } from "vitest";
import { bytesOption, OPTION, textOption, u16Option } from "../../../core/dhcp-packet/index.ts";
import { type BootClient, classifyClient } from "../../../core/pxe/boot-client.ts";
import { bootFileFields, type BootFileRequest, chooseBootFile } from "../../../core/pxe/boot-file.ts";
import { request } from "./requests.ts";

function client(vendorClass: string, arch: number, userClass?: string): BootClient {
  const options = [
    textOption(OPTION.VENDOR_CLASS_IDENTIFIER, vendorClass),
    u16Option(OPTION.CLIENT_SYSTEM_ARCHITECTURE, arch),
  ];
  if (userClass !== undefined) options.push(textOption(OPTION.USER_CLASS, userClass));
  return classifyClient(request(options));
}

function ipxeWith(option175: number[]): BootClient {
  const arch = u16Option(OPTION.CLIENT_SYSTEM_ARCHITECTURE, 7);
  return classifyClient(request([arch, bytesOption(OPTION.ETHERBOOT, Uint8Array.from(option175))]));
}

const SCRIPT_URL = "http://192.168.77.1:8080/boot.ipxe";

function choose(who: BootClient, change: Partial<BootFileRequest> = {}) {
  return chooseBootFile({
    client: who,
    bootFiles: { bios: ["undionly.kpxe"], "efi-x86_64": ["snponly.efi", "ipxe.efi"], "efi-arm32": [] },
    available: () => true,
    scriptUrl: SCRIPT_URL,
    httpBase: "http://192.168.77.1:8080",
    ...change,
  });
}

describe("what a client loads", () => {
  test.each([
    ["BIOS", client("PXEClient", 0), "undionly.kpxe"],
    ["UEFI x86-64", client("PXEClient", 7), "snponly.efi"],
    ["UEFI x86-64 that says 9", client("PXEClient", 9), "snponly.efi"],
  ])("P31 %s", (_, who, file) => {
    expect(choose(who)).toEqual({ kind: "file", file });
  });

  test("the first file that is there", () => {
    const available = (file: string) => file === "ipxe.efi";
    expect(choose(client("PXEClient", 7), { available })).toEqual({ kind: "file", file: "ipxe.efi" });
  });

  test("the machine's own files before the site's, for the firmware they name", () => {
    const override = { "efi-x86_64": ["shimx64.efi"] };
    expect(choose(client("PXEClient", 7), { override })).toEqual({ kind: "file", file: "shimx64.efi" });
    expect(choose(client("PXEClient", 0), { override })).toEqual({ kind: "file", file: "undionly.kpxe" });
  });

  test("never the site's when the machine's own are missing", () => {
    const override = { "efi-x86_64": ["shimx64.efi"] };
    const available = (file: string) => file !== "shimx64.efi";
    expect(choose(client("PXEClient", 7), { override, available })).toEqual({
      kind: "none",
      reason: "no-boot-file",
    });
  });

  test.each([0, 7, 11, 27])(
    "P29 iPXE on architecture %i gets the script, whatever files there are",
    (arch) => {
      const who = client("PXEClient", arch, "iPXE");
      expect(choose(who)).toEqual({ kind: "script", url: SCRIPT_URL });
      expect(choose(who, { available: () => false })).toEqual({ kind: "script", url: SCRIPT_URL });
    },
  );

  test("P29 iPXE that names its features and not HTTP gets a file that can fetch the script", () => {
    const features = (...codes: number[]) => ipxeWith(codes.flatMap((code) => [code, 1, 1]));
    expect(choose(features(21, 24))).toEqual({ kind: "file", file: "snponly.efi" });
    expect(choose(features(21, 19))).toEqual({ kind: "script", url: SCRIPT_URL });
    // Where there is no such file, what may still work.
    expect(choose(features(21), { available: () => false })).toEqual({ kind: "script", url: SCRIPT_URL });
  });

  test("P32 HTTP boot gets an absolute URL", () => {
    expect(choose(client("HTTPClient", 16))).toEqual({
      kind: "url",
      url: "http://192.168.77.1:8080/f/snponly.efi",
    });
    expect(choose(client("HTTPClient", 16), { override: { "efi-x86_64": ["debian 12/a#b?.efi"] } })).toEqual({
      kind: "url",
      url: "http://192.168.77.1:8080/f/debian%2012/a%23b%3F.efi",
    });
  });

  test.each([
    ["an operating system", client("MSFT 5.0", 0), "not-a-boot-client"],
    ["MIPS", client("PXEClient", 33), "unsupported-architecture"],
    ["arm64 without a list", client("PXEClient", 11), "no-boot-file"],
    ["arm32 with an empty list", client("PXEClient", 10), "no-boot-file"],
  ])("nothing for %s", (_, who, reason) => {
    expect(choose(who)).toEqual({ kind: "none", reason });
  });
});

describe("P28 a choice is said in file and 67, siaddr and 66", () => {
  test("a file", () => {
    expect(bootFileFields({ kind: "file", file: "snponly.efi" }, "192.168.77.1")).toEqual({
      siaddr: "192.168.77.1",
      file: "snponly.efi",
      options: [textOption(66, "192.168.77.1"), textOption(67, "snponly.efi")],
    });
  });

  test("P32 a URL", () => {
    expect(bootFileFields({ kind: "script", url: SCRIPT_URL }, "192.168.77.1")).toMatchObject({
      siaddr: "192.168.77.1",
      file: SCRIPT_URL,
    });
  });

  test("a name over 127 bytes is in 67 alone", () => {
    const url = `http://192.168.77.1/f/${"é".repeat(53)}`;
    expect(bootFileFields({ kind: "url", url }, "192.168.77.1")).toMatchObject({
      file: "",
      options: [textOption(66, "192.168.77.1"), textOption(67, url)],
    });
    expect(bootFileFields({ kind: "url", url: url.slice(0, -1) }, "192.168.77.1").file).toHaveLength(74);
  });

  test("nothing is said of none", () => {
    expect(bootFileFields({ kind: "none", reason: "no-boot-file" }, "192.168.77.1")).toEqual({
      siaddr: "0.0.0.0",
      file: "",
      options: [],
    });
  });
});

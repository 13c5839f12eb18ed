import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { formatMacHexhyp, type Ipv4, type Mac } from "../../core/addresses.ts";
import { openDhcpExchange, type Binding, type Speaker } from "./dhcp-client.ts";
import { readTftpFile } from "./tftp-client.ts";

/** Runs one named step, shows it with its time, and fails under its name. */
export type RunStep = <T>(name: string, run: () => Promise<T>, tell: (value: T) => string) => Promise<T>;

const HTTP_TIMEOUT_MS = 10_000;

/**
 * A stand-in for a machine, for a computer without a hypervisor: it sends what
 * EDK2, iPXE and Debian's installer send, over real sockets, and reads of
 * iPXE's language no more than our own scripts use. The real ones are in
 * test/e2e.
 */
export type SimulatedMachine = {
  /** From power-on to `installed`; fails where the control plane says to boot the local disk. */
  install(): Promise<void>;
  /** From power-on to the local disk; fails where it is told anything else. */
  bootLocal(): Promise<void>;
};

export function createSimulatedMachine(options: {
  mac: Mac;
  device: string;
  dhcp: { serverPort: number; clientPort: number };
  tftpPort: number;
  answerFile: string;
  step: RunStep;
}): SimulatedMachine {
  const { mac, device, dhcp, step } = options;
  // From one boot to the next, a client takes a new transaction id.
  let xid = 0x70780000 + (Date.now() & 0xffff);

  async function bind(speaker: Speaker): Promise<Binding> {
    const exchange = openDhcpExchange({ device, ...dhcp, mac, speaker, xid: xid++ });
    const who = speaker === "ipxe" ? "ipxe-" : "";
    try {
      const offer = await step(
        `${who}dhcp-offer`,
        () => exchange.discover(),
        (packet) => `DISCOVER as ${speaker} → OFFER of ${packet.yiaddr}`,
      );
      return await step(
        `${who}dhcp-ack`,
        () => exchange.request(offer),
        (binding) => `REQUEST → ACK, boot file ${binding.bootFile}`,
      );
    } finally {
      exchange.close();
    }
  }

  /** All that happens on every boot, up to the script that decides. */
  async function askForScript(): Promise<{ address: Ipv4; base: URL; script: string }> {
    const firmware = await bind("firmware");
    await step(
      "tftp-boot-file",
      () =>
        readTftpFile({
          localAddress: firmware.address,
          address: firmware.server,
          port: options.tftpPort,
          file: firmware.bootFile,
        }),
      (file) => `${firmware.bootFile}, ${file.length} bytes`,
    );
    const { address, bootFile } = await bind("ipxe");
    const base = new URL(bootFile);
    const stageOne = await step(
      "boot-ipxe",
      async () => (await get(base, address)).text,
      (text) => `${base.href}, ${text.length} bytes`,
    );
    const chained = /^chain .*?(\S+script\.ipxe\S*)/m.exec(stageOne)?.[1];
    const script = await step(
      "script-ipxe",
      async () => {
        if (chained === undefined) throw new Error("/boot.ipxe chains to no script");
        const path = chained.replace("${netX/mac:hexhyp}", formatMacHexhyp(mac)).replace(/\$\{[^}]*\}/g, "");
        return (await get(new URL(path, base), address)).text;
      },
      (text) => (text.includes("\nkernel ") ? "decided: install" : "decided: boot the local disk"),
    );
    return { address, base, script };
  }

  async function install(): Promise<void> {
    const { address, base, script } = await askForScript();
    const kernel = /^kernel --name \S+ (\S+) (.*?) \|\| /m.exec(script);
    const initrds = [...script.matchAll(/^initrd --name \S+ (\S+)/gm)].map((match) => match[1]!);
    await step(
      "kernel-head",
      async () => {
        if (kernel === null) throw new Error("the script loads no kernel");
        return await get(new URL(kernel[1]!, base), address, "HEAD");
      },
      ({ headers }) => `signed URL, ${headers["content-length"]} bytes`,
    );
    for (const initrd of initrds) {
      await step(
        "initrd",
        () => get(new URL(initrd, base), address),
        ({ text }) => `signed URL, ${text.length} bytes`,
      );
    }
    const answerUrl = /\burl=(\S+)/.exec(kernel![2]!)?.[1];
    const answer = await step(
      "answer-file",
      async () => {
        if (answerUrl === undefined) throw new Error("the kernel arguments name no answer file");
        return (await get(new URL(answerUrl), address)).text;
      },
      (text) => `${options.answerFile}, ${text.length} bytes: the attempt is committed`,
    );
    const callback = /(http:\S*?\/e\/[^\s'"/]+\/)/.exec(answer)?.[1];
    await step(
      "installed",
      async () => {
        if (callback === undefined) throw new Error("the answer file names no callback");
        return await get(new URL("installed", callback), address, "POST");
      },
      () => "the installer reports success",
    );
  }

  async function bootLocal(): Promise<void> {
    const { script } = await askForScript();
    await step(
      "local-boot",
      async () => {
        if (/^kernel /m.test(script)) throw new Error("the machine would be installed a second time");
      },
      () => "the next boot goes to the disk",
    );
  }

  return { install, bootLocal };
}

/** One HTTP request from the machine's own address. */
async function get(
  url: URL,
  localAddress: string,
  method: "GET" | "HEAD" | "POST" = "GET",
): Promise<{ text: string; headers: IncomingHttpHeaders }> {
  return await new Promise((resolve, reject) => {
    const request = httpRequest(
      url,
      { method, localAddress, agent: false, timeout: HTTP_TIMEOUT_MS },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("latin1");
          if (response.statusCode === 200) resolve({ text, headers: response.headers });
          else
            reject(new Error(`${method} ${url.pathname}: HTTP ${response.statusCode} ${text.slice(0, 200)}`));
        });
      },
    );
    request.on("timeout", () =>
      request.destroy(new Error(`${url.pathname}: no answer in ${HTTP_TIMEOUT_MS / 1_000} s`)),
    );
    request.on("error", reject);
    request.end();
  });
}

import { spawn } from "node:child_process";
import type { Socket } from "node:dgram";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { openDeviceSocket } from "../../../relay/net/device-socket.ts";
import { NetError } from "../../../relay/net/errors.ts";
import { missingNeed } from "./needs.ts";
import { freeUdpPort } from "../../support/lab/free-port.ts";

const open: Socket[] = [];

afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

function opened(port: number): Socket {
  const socket = openDeviceSocket({ device: "lo", port });
  open.push(socket);
  return socket;
}

function failureOf(call: () => unknown): NetError {
  try {
    call();
  } catch (error) {
    if (error instanceof NetError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** Numbers of this process's open sockets. */
function openSocketCount(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch {
      return false; // the descriptor of the listing itself
    }
  }).length;
}

describe("openDeviceSocket", () => {
  it("receives a broadcast on its device and answers by broadcast", async () => {
    const [serverPort, clientPort] = [await freeUdpPort(), await freeUdpPort()];
    const server = opened(serverPort);
    const client = opened(clientPort);
    server.on("message", (data) => server.send(`re: ${data.toString()}`, clientPort, "255.255.255.255"));
    const answer = once(client, "message");
    client.send("hello", serverPort, "255.255.255.255");
    const [data] = (await answer) as [Buffer];
    expect(data.toString()).toBe("re: hello");
  });

  it("names the interfaces that exist when there is no such one", () => {
    const error = failureOf(() => openDeviceSocket({ device: "nope0", port: 40_067 }));
    expect(error.code).toBe("no-such-interface");
    expect(error.message).toContain('"nope0"');
    expect(error.message).toContain("lo");
  });

  it.each(["", "a-name-that-is-far-too-long"])("takes %j for no interface", (device) => {
    expect(failureOf(() => openDeviceSocket({ device, port: 40_067 })).code).toBe("no-such-interface");
  });

  it("refuses a port that this process already holds on the device", async () => {
    const port = await freeUdpPort();
    opened(port);
    expect(failureOf(() => openDeviceSocket({ device: "lo", port })).code).toBe("port-in-use");
  });

  it("names the process that holds the port, on all devices and sharing it, and leaks no socket", async () => {
    const port = await freeUdpPort();
    const program = `const s = require("node:dgram").createSocket({ type: "udp4", reuseAddr: true });
      s.bind(${port}, () => console.log("bound"));`;
    const holder = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(holder.stdout, "data");
      const before = openSocketCount();
      const error = failureOf(() => openDeviceSocket({ device: "lo", port }));
      expect(error.code).toBe("port-in-use");
      expect(error.message).toContain(`UDP port ${port} on lo is held by`);
      expect(error.message).toContain(`(pid ${holder.pid})`);
      expect(openSocketCount()).toBe(before);
    } finally {
      holder.kill();
      await once(holder, "exit");
    }
  });

  it("says which capability is missing for a port below 1024", async ({ skip }) => {
    const lack = missingNeed({ root: true }); // to give rights away
    skip(lack !== undefined, lack);
    const program = `process.setgid(65534); process.setuid(65534);
      const { openDeviceSocket } = await import(process.argv[1]);
      try { openDeviceSocket({ device: "lo", port: 67 }); console.log("bound"); }
      catch (error) { console.log(error.code + " " + error.message); }
      process.exit();`;
    const module = new URL("../../../relay/net/device-socket.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program, module], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [output] = (await once(child.stdout, "data")) as [Buffer];
    expect(output.toString()).toContain("permission-denied not permitted to bind UDP port 67 on lo");
    expect(output.toString()).toContain("CAP_NET_BIND_SERVICE");
  });
});

import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { BootEventInput } from "../../../core/relay-protocol/events.ts";
import type { TftpLimits } from "../../../relay/tftp/limits.ts";
import { createTftpServer, type TftpServer, type TftpServerOptions } from "../../../relay/tftp/server.ts";
import { openClient, type Client } from "./client.ts";
import { eventually } from "../../support/eventually.ts";

/** Impatient, so that tests of silence are short. */
const LIMITS: Partial<TftpLimits> = { resendIntervalMs: 60, maxResends: 4 };

type LogLine = {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
};

/** A server on loopback over a folder made for the test; all of it is gone when the test ends. */
export type Rig = {
  readonly server: TftpServer;
  readonly port: number;
  /** The served folder; its parent is the test's own as well. */
  readonly root: string;
  readonly events: BootEventInput[];
  readonly log: LogLine[];
  client(port?: number): Promise<Client>;
  /** Waits until no transfer runs. */
  idle(): Promise<void>;
};

export type RigOptions = {
  readonly files?: Record<string, string | Uint8Array>;
  readonly limits?: Partial<TftpLimits>;
  readonly server?: Partial<TftpServerOptions>;
};

/** Makes a folder for the test that runs. */
export async function makeFolder(files: Record<string, string | Uint8Array> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pxedge-tftp-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const root = join(await makeFolder({ "root/.keep": "" }), "root");
  for (const [name, content] of Object.entries(options.files ?? {})) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  const events: BootEventInput[] = [];
  const log: LogLine[] = [];
  const logAt = (level: string) => (fields: Record<string, unknown>, message: string) => {
    log.push({ level, message, fields });
  };
  const server = createTftpServer({
    root,
    address: "127.0.0.1",
    port: 0,
    mtuBytes: 1500,
    onEvent: (event) => events.push(event),
    macOf: () => "52:54:00:00:00:01",
    isServed: () => true,
    log: { debug: logAt("debug"), info: logAt("info"), warn: logAt("warn"), error: logAt("error") },
    ...options.server,
    limits: { ...LIMITS, maxResendIntervalMs: options.limits?.resendIntervalMs ?? 120, ...options.limits },
  });
  const { port } = await server.start();
  onTestFinished(() => server.stop());
  return {
    server,
    port,
    root,
    events,
    log,
    async client(clientPort = 0) {
      const client = await openClient(options.server?.address, clientPort);
      onTestFinished(() => client.close());
      return client;
    },
    idle: () => eventually(() => expect(server.stats().active).toBe(0)),
  };
}

/** Bytes that differ from block to block: a misplaced one shows. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const words = new DataView(bytes.buffer);
  for (let at = 0; at + 4 <= length; at += 4) words.setUint32(at, Math.imul(at + 1, 0x9e3779b1));
  return bytes;
}

import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";

/** How a child ended: one of the two is null. */
export type ExitStatus = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A program that runs until it ends by itself or is stopped. */
export type Child = {
  readonly pid: number;
  readonly process: ChildProcess;
  /** What it wrote to stdout and stderr so far. */
  readonly output: () => string;
  readonly exited: Promise<ExitStatus>;
  /** SIGTERM, then SIGKILL after `graceMs`; resolves once it is gone. */
  readonly stop: (graceMs?: number) => Promise<void>;
};

/** @throws when the program cannot be started. */
export async function startChild(
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<Child> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));

  const exited = new Promise<ExitStatus>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => reject(new Error(`cannot start ${command}`, { cause })));
  });
  child.on("error", (cause) => chunks.push(Buffer.from(`${cause.message}\n`)));

  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid!,
    process: child,
    output: () => Buffer.concat(chunks).toString(),
    exited,
    stop: async (graceMs = 2_000) => {
      if (hasEnded()) return;
      child.kill("SIGTERM");
      const killTimer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await exited;
      clearTimeout(killTimer);
    },
  };
}

/**
 * Runs a program to its end and returns its stdout.
 *
 * @throws with its stderr when it fails or takes longer than `timeoutMs`.
 */
export async function run(command: string, args: readonly string[], timeoutMs = 30_000): Promise<string> {
  const child = await startChild(command, args);
  let stdout = "";
  child.process.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  const closed = new Promise<void>((resolve) => child.process.once("close", () => resolve()));
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.process.kill("SIGKILL");
  }, timeoutMs);
  const status = await child.exited;
  clearTimeout(timer);
  if (isLate)
    throw new Error(`${command} ${args.join(" ")}: no end after ${timeoutMs} ms\n${child.output()}`);
  await closed;
  if (status.code !== 0) {
    throw new Error(
      `${command} ${args.join(" ")}: ended with ${status.code ?? status.signal}\n${child.output()}`,
    );
  }
  return stdout;
}

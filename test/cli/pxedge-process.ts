import { spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;

/** Starts `pxedge ARGS`, which the test's end kills; `ended` resolves when it has. */
export function pxedge(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    ...output,
  }));
  /** Resolves once standard output holds a text; rejects if the process ends before. */
  async function said(text: string): Promise<void> {
    while (!output.stdout.includes(text)) {
      const end = await Promise.race([once(child.stdout, "data").then(() => undefined), ended]);
      if (end !== undefined && !output.stdout.includes(text)) {
        throw new Error(`it ended without saying ${JSON.stringify(text)}:\n${output.stdout}${output.stderr}`);
      }
    }
  }
  return { child, output, ended, said };
}

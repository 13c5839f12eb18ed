import * as http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * GETs a URL at a steady rate, whatever the answers take, and writes how long
 * each took. Arguments: the URL, in which `{n}` becomes another six hexadecimal
 * digits each time (`00-00-01`), how many seconds, how many a second, and
 * whether each is by a connection of its own, as boot loaders do.
 */
const [url = "", seconds = "1", perSecond = "50", connections = "kept"] = process.argv.slice(2);
const rate = Number(perSecond);
const agent = new http.Agent({ keepAlive: connections === "kept", maxSockets: 400 });
const times: number[] = [];
const failures: string[] = [];

function urlOf(n: number): string {
  const digits = n.toString(16).padStart(6, "0");
  return url.replace("{n}", digits.replace(/^(..)(..)(..)$/, "$1-$2-$3"));
}

async function get(n: number): Promise<void> {
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    const request = http.get(urlOf(n), { agent }, (response) => {
      response.resume().once("end", () => {
        if (response.statusCode === 200) times.push(performance.now() - startedAt);
        else failures.push(`status ${response.statusCode}`);
        resolve();
      });
    });
    request.once("error", (error: NodeJS.ErrnoException) => {
      failures.push(`${error.code ?? error.message} after ${(performance.now() - startedAt).toFixed(0)} ms`);
      resolve();
    });
  });
}

const count = Number(seconds) * rate;
const beginning = performance.now();
const all: Promise<void>[] = [];
for (let i = 0; i < count; i++) {
  await sleep(Math.max(0, beginning + (i * 1000) / rate - performance.now()));
  all.push(get(i));
}
await Promise.all(all);
agent.destroy();
process.stdout.write(JSON.stringify({ times, failures }));

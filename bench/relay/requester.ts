import * as http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * GETs a URL at a steady rate, whatever the answers take, and writes how long
 * each took. Arguments: the URL, how many seconds.
 */
const [url = "", seconds = "1"] = process.argv.slice(2);
const RATE = 50;
const agent = new http.Agent({ keepAlive: true, maxSockets: 200 });
const times: number[] = [];
let failed = 0;

async function get(): Promise<void> {
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    const request = http.get(url, { agent }, (response) => {
      response.resume().once("end", () => {
        if (response.statusCode === 200) times.push(performance.now() - startedAt);
        else failed++;
        resolve();
      });
    });
    request.once("error", () => {
      failed++;
      resolve();
    });
  });
}

const count = Number(seconds) * RATE;
const beginning = performance.now();
const all: Promise<void>[] = [];
for (let i = 0; i < count; i++) {
  await sleep(Math.max(0, beginning + (i * 1000) / RATE - performance.now()));
  all.push(get());
}
await Promise.all(all);
agent.destroy();
process.stdout.write(JSON.stringify({ times, failed }));

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createHash } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";

import { startChild } from "../../support/lab/child.ts";
import { waitFor } from "../../support/lab/wait.ts";
import { missingNeed } from "../net/needs.ts";
import { deadOrigin, startRelayHttp } from "../http/fixture.ts";
import { freePort } from "../../support/lab/free-port.ts";

const run = promisify(execFile);
const NGINX = "/usr/sbin/nginx";
const reason = missingNeed({
  programs: [NGINX, "/usr/bin/apt-get", "/usr/bin/dpkg-deb", "/usr/bin/dpkg-scanpackages"],
});

/** A repository with one package of a megabyte, and by-hash folders, as Debian's own. */
async function makeRepository(root: string): Promise<void> {
  const tree = join(root, "tree");
  await mkdir(join(tree, "DEBIAN"), { recursive: true });
  await mkdir(join(root, "pool"), { recursive: true });
  await writeFile(join(tree, "payload"), Buffer.alloc(1024 * 1024, "x"));
  await writeFile(
    join(tree, "DEBIAN/control"),
    "Package: pxedge-sample\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: sample\n",
  );
  await run("dpkg-deb", ["--build", "-Znone", tree, join(root, "pool/pxedge-sample_1.0_all.deb")]);
  const { stdout: packages } = await run("dpkg-scanpackages", ["pool"], { cwd: root });
  const hash = createHash("sha256").update(packages).digest("hex");
  const folder = join(root, "dists/stable/main/binary-amd64");
  await mkdir(join(folder, "by-hash/SHA256"), { recursive: true });
  await writeFile(join(folder, "Packages"), packages);
  await writeFile(join(folder, "by-hash/SHA256", hash), packages);
  await writeFile(
    join(root, "dists/stable/Release"),
    `Origin: pxedge\nSuite: stable\nCodename: stable\nArchitectures: amd64\nComponents: main\n` +
      `Acquire-By-Hash: yes\nDate: ${new Date().toUTCString()}\nSHA256:\n ${hash} ${packages.length} main/binary-amd64/Packages\n`,
  );
}

async function startNginx(root: string, dir: string) {
  const port = await freePort();
  const config = join(dir, "nginx.conf");
  await writeFile(
    config,
    `daemon off; master_process off; pid ${dir}/pid; error_log stderr;
events {}
http {
  log_format plain "$request_method $uri $status";
  access_log ${dir}/access.log plain;
  client_body_temp_path ${dir}; proxy_temp_path ${dir}; fastcgi_temp_path ${dir};
  uwsgi_temp_path ${dir}; scgi_temp_path ${dir};
  server { listen 127.0.0.1:${port}; location /debian/ { alias ${root}/; } }
}`,
  );
  const child = await startChild(NGINX, ["-c", config, "-e", "stderr"]);
  onTestFinished(() => child.stop());
  const url = `http://127.0.0.1:${port}/debian`;
  await waitFor(
    () =>
      fetch(`${url}/dists/stable/Release`).then(
        ({ ok }) => ok,
        () => false,
      ),
    10_000,
    () => `nginx does not answer: ${child.output()}`,
  );
  const requests = async (): Promise<string[]> =>
    (await readFile(join(dir, "access.log"), "utf8")).trim().split("\n").slice(1);
  return { url, requests, stop: () => child.stop() };
}

/** A machine of its own to apt: all its folders are in one. */
async function makeApt(dir: string, mirror: string) {
  for (const name of ["lists/partial", "archives/partial", "etc/apt.conf.d", "etc/preferences.d"]) {
    await mkdir(join(dir, name), { recursive: true });
  }
  await writeFile(join(dir, "status"), "");
  await writeFile(join(dir, "etc/sources.list"), `deb [trusted=yes arch=amd64] ${mirror} stable main\n`);
  const options = [
    `Dir::Etc=${dir}/etc`,
    `Dir::State::Lists=${dir}/lists`,
    `Dir::Cache=${dir}`,
    `Dir::Cache::Archives=${dir}/archives`,
    `Dir::State::Status=${dir}/status`,
    "APT::Architecture=amd64",
    "APT::Sandbox::User=root",
    "Acquire::http::Proxy=DIRECT",
    "Debug::NoLocking=true",
  ].flatMap((option) => ["-o", option]);
  return async (...args: string[]) => (await run("apt-get", [...options, ...args], { cwd: dir })).stdout;
}

test.skipIf(reason !== undefined)(
  "apt updates and downloads through a mirror, a second machine without the WAN",
  async () => {
    const dir = await mkdtemp(join(tmpdir(), "pxedge-apt-"));
    onTestFinished(() => rm(dir, { recursive: true }));
    const root = join(dir, "repository");
    await makeRepository(root);
    const nginx = await startNginx(root, dir);
    const relay = await startRelayHttp(await deadOrigin(), {
      mirrors: { debian: { upstream: nginx.url, redirects: [], immutable: [] } },
    });
    const deb = await readFile(join(root, "pool/pxedge-sample_1.0_all.deb"));

    const first = await makeApt(join(dir, "first"), `${relay.url}/mirror/debian`);
    await first("update");
    await first("download", "pxedge-sample");
    expect((await readFile(join(dir, "first/pxedge-sample_1.0_all.deb"))).equals(deb)).toBe(true);
    const requests = await nginx.requests();
    expect(requests).toContain("GET /debian/pool/pxedge-sample_1.0_all.deb 200");
    expect(requests.some((line) => /by-hash\/SHA256\/\w+ 200/.test(line))).toBe(true);

    // A second machine: nothing that changes is asked for, but whether it has changed.
    const second = await makeApt(join(dir, "second"), `${relay.url}/mirror/debian`);
    await second("update");
    await second("download", "pxedge-sample");
    const more = (await nginx.requests()).slice(requests.length);
    expect(more.filter((line) => line.endsWith(" 200"))).toEqual([]);

    // A third, with the WAN cut.
    await nginx.stop();
    const third = await makeApt(join(dir, "third"), `${relay.url}/mirror/debian`);
    await third("update");
    await third("download", "pxedge-sample");
    expect((await readFile(join(dir, "third/pxedge-sample_1.0_all.deb"))).equals(deb)).toBe(true);
  },
  60_000,
);

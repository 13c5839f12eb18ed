import { once } from "node:events";
import { createServer } from "node:http";
import { expect, test } from "vitest";
import { createMirrorOrigin } from "../../../relay/mirror/origin.ts";
import { createCachedLookup } from "../../../relay/net/cached-lookup.ts";
import { isPublicAddress } from "../../../relay/mirror/public-address.ts";

test.each(["1.1.1.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "223.255.255.255", "2606:4700::1111"])(
  "%s is public",
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

test.each([
  "0.0.0.0",
  "10.1.2.3",
  "100.64.0.1",
  "127.0.0.1",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::ffff:10.0.0.1",
  "::ffff:7f00:1",
  "fd00::1",
  "fe80::1",
  "ff02::1",
  "localhost",
  "",
])("%j is not", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each([[["10.0.0.1"]], [["1.1.1.1", "127.0.0.1"]], [["::ffff:192.168.0.1"]]])(
  "a name that resolves to %j when it is connected to is refused, whatever it resolved to before",
  async (addresses) => {
    const asked: string[] = [];
    const lookupForeign = ((hostname: string, _options: unknown, done: (...result: unknown[]) => void) => {
      asked.push(hostname);
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      );
    }) as never;
    const server = createServer((_request, response) => {
      response.writeHead(302, { location: "http://rebind.example/x" }).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const origin = createMirrorOrigin({
      lookup: createCachedLookup({
        resolve: (_name, done) => done(null, [{ address: "127.0.0.1", family: 4 }]),
      }),
      lookupForeign,
    });
    const source = { upstream: `http://mirror.example:${port}`, redirects: ["rebind.example"] };
    await expect(origin.get(source, "/a", {})).rejects.toMatchObject({ code: "refused" });
    expect(asked).toEqual(["rebind.example"]);
    origin.close();
    server.close();
    server.closeAllConnections();
  },
);

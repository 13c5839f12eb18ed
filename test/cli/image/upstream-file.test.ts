import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { examineUpstream, parseUpstreamAddress } from "../../../cli/image/upstream-file.ts";

const FILE = Buffer.from("a kernel");
const SHA256 = createHash("sha256").update(FILE).digest("hex");
const URL_ = "https://mirror.example/debian/linux";

/** A mirror that sends some addresses elsewhere, and notes what it was asked. */
function mirror(answers: Readonly<Record<string, Response>>) {
  const asked: string[] = [];
  const fetch: typeof globalThis.fetch = (input, init) => {
    const url = (input as URL | string).toString();
    asked.push(`${init?.method} ${url}`);
    return Promise.resolve(answers[url]?.clone() ?? new Response(null, { status: 404 }));
  };
  return { asked, fetch };
}

const file = () => new Response(FILE, { headers: { "content-length": String(FILE.length) } });
const moved = (location: string) => new Response(null, { status: 302, headers: { location } });

describe("what is learned of a file where it lives", () => {
  test("with its hash: its size, and no byte of it", async () => {
    const { asked, fetch } = mirror({ [URL_]: file() });
    const examined = await examineUpstream(
      parseUpstreamAddress(`${URL_}#sha256=${SHA256}`),
      undefined,
      fetch,
    );
    expect(examined).toEqual({
      file: { url: URL_, sha256: SHA256, sizeBytes: FILE.length },
      origins: ["https://mirror.example"],
      isHashLearned: false,
    });
    expect(asked).toEqual([`HEAD ${URL_}`]);
  });

  test("without: it is read once, and that is said", async () => {
    const { fetch } = mirror({
      [URL_]: moved("https://near.example/linux"),
      "https://near.example/linux": file(),
    });
    const examined = await examineUpstream(parseUpstreamAddress(URL_), undefined, fetch);
    expect(examined).toEqual({
      file: { url: URL_, sha256: SHA256, sizeBytes: FILE.length },
      origins: ["https://mirror.example", "https://near.example"],
      isHashLearned: true,
    });
  });

  test.each([
    ["it is not there", {}, /answered with 404/],
    ["it is sent round in circles", { [URL_]: moved(URL_) }, /redirected more than 3 times/],
  ])("%s", async (_, answers, message) => {
    const { fetch } = mirror(answers);
    await expect(examineUpstream(parseUpstreamAddress(URL_), undefined, fetch)).rejects.toThrow(message);
  });
});

test.each([
  ["http://mirror.example/linux", /by https:\/\//],
  ["https://mirror.example/linux#sha256=abc", /64 hexadecimal digits/],
  ["https://mirror.example/", /names a folder/],
])("%s is refused", (address, message) => {
  expect(() => parseUpstreamAddress(address)).toThrow(message);
});

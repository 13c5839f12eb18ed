import { expect, test } from "vitest";
import type { ContentRequest, ContentStore } from "../../../relay/tftp/content-store.ts";
import { memoryContent } from "../../../relay/tftp/content.ts";
import { fetchFile, rrq } from "./client.ts";
import { startRig } from "./rig.ts";

const GRUB_CFG = new TextEncoder().encode("set timeout=5\n".repeat(100));

/** Knows one name, and takes its time to say so. */
function slowStore(asked: ContentRequest[], delayMs: number): ContentStore {
  return {
    async open(request) {
      asked.push(request);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (request.name === "broken") throw new Error("the control plane is away");
      return request.name === "grub/grub.cfg"
        ? { kind: "content", content: memoryContent(GRUB_CFG) }
        : { kind: "refused", reason: "missing", message: "nothing of that name" };
    },
  };
}

test("the virtual files are asked first, and the root for what they do not know", async () => {
  const asked: ContentRequest[] = [];
  const files = { "a.efi": "a", "grub/grub.cfg": "menuentry distribution" };
  const rig = await startRig({ files, server: { virtualFiles: slowStore(asked, 0) } });
  expect(await fetchFile(await rig.client(), rig.port, rrq("a.efi"))).toHaveLength(1);
  const got = await fetchFile(await rig.client(), rig.port, rrq("grub/grub.cfg", { tsize: "0" }));
  expect(Buffer.compare(got, GRUB_CFG)).toBe(0);
  expect(asked.at(-1)).toEqual({ name: "grub/grub.cfg", mode: "octet", client: "127.0.0.1" });
  const client = await rig.client();
  client.send(rrq("nope"), rig.port);
  expect((await client.expect("error")).packet.code).toBe(1);
  client.send(rrq("../grub/grub.cfg"), rig.port);
  expect((await client.expect("error")).packet.code).toBe(2);
});

test("T45 requests repeated while a virtual file is looked up are one session", async () => {
  const asked: ContentRequest[] = [];
  const rig = await startRig({
    server: { virtualFiles: slowStore(asked, 200) },
    limits: { resendIntervalMs: 2_000 },
  });
  const client = await rig.client();
  for (let copies = 0; copies < 3; copies++) client.send(rrq("grub/grub.cfg"), rig.port);
  expect((await client.expect("data")).packet.block).toBe(1);
  await client.silence(50);
  expect(asked).toHaveLength(1);
});

test("virtual files that fail are told to the operator, and others are served on", async () => {
  const rig = await startRig({ server: { virtualFiles: slowStore([], 0) } });
  const client = await rig.client();
  client.send(rrq("broken"), rig.port);
  expect((await client.expect("error")).packet).toMatchObject({ code: 0 });
  expect(rig.log).toContainEqual(
    expect.objectContaining({ level: "error", fields: expect.objectContaining({ file: "broken" }) }),
  );
  expect(await fetchFile(await rig.client(), rig.port, rrq("grub/grub.cfg"))).toHaveLength(GRUB_CFG.length);
});

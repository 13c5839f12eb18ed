import { expect, test } from "vitest";
import { pxedge } from "./pxedge-process.ts";

test("a reader that has enough is no failure", async () => {
  const { child, ended } = pxedge(["completion", "fish"]);
  child.stdout.destroy();
  expect(await ended).toMatchObject({ code: 0, stderr: "" });
});

test("wrong use ends with 2, says what is meant, and help is on standard error", async () => {
  const misspelt = await pxedge(["machin", "list"]).ended;
  expect(misspelt).toMatchObject({ code: 2, stdout: "" });
  expect(misspelt.stderr).toContain("(Did you mean machine?)");
  expect(await pxedge(["machine"]).ended).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("Usage: pxedge machine"),
  });
  expect(await pxedge(["--help"]).ended).toMatchObject({
    code: 0,
    stderr: "",
    stdout: expect.stringContaining("Usage: pxedge"),
  });
});

import { describe, expect, test } from "vitest";
import { parseScriptTarget } from "../../../relay/decision/script-request.ts";

const PATH = "/boot/52-54-00-00-00-01/script.ipxe";

describe("what a request for a script says", () => {
  test.each([
    [PATH, "ipxe"],
    ["/boot/52:54:00:00:00:01/grub.cfg", "grub"],
    ["/boot/525400000001/pxelinux.cfg", "pxelinux"],
  ])("%s", (target, dialect) => {
    expect(parseScriptTarget(target)).toEqual({
      dialect,
      mac: "52:54:00:00:00:01",
      asked: target,
      waitedSeconds: 0,
      choice: undefined,
    });
  });

  test.each([
    "/boot/x",
    "/boot/x/script",
    "/boot/x/y/script.ipxe",
    "/a/x/script.ipxe",
    "/boot/x/constructor",
    "/boot/x/script.ipxe/",
  ])("%s names no script", (target) => {
    expect(parseScriptTarget(target)).toBeUndefined();
  });

  test("what has been waited is for the relay; all else goes on as it came", () => {
    const parsed = parseScriptTarget(`${PATH}?uuid=4c4c&waited=17&serial=a%20b&&x`);
    expect(parsed).toMatchObject({ waitedSeconds: 17, asked: `${PATH}?uuid=4c4c&serial=a%20b&&x` });
    expect(parseScriptTarget(`${PATH}?waited=17`)).toMatchObject({ asked: PATH });
    expect(parseScriptTarget(`${PATH}?waited=-1&waited=1e9&waited=`)).toMatchObject({ waitedSeconds: 0 });
  });

  test("a choice is remembered where it can be said again in any boot loader's language", () => {
    expect(parseScriptTarget(`${PATH}?item=rescue&menu=7Yt`)).toMatchObject({
      choice: { item: "rescue", menu: "7Yt" },
    });
    for (const query of ["item=rescue", "item=a;b&menu=7Yt", "item=${x}&menu=7", "item=a%0a&menu=7"]) {
      expect(parseScriptTarget(`${PATH}?${query}`)).toMatchObject({ choice: undefined });
    }
  });

  test("what is no MAC, or encodes nothing, is nobody", () => {
    expect(parseScriptTarget("/boot/hello/script.ipxe")).toMatchObject({ mac: undefined });
    expect(parseScriptTarget("/boot/%zz/script.ipxe")).toMatchObject({ mac: undefined });
  });
});

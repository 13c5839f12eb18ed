import { parse } from "yaml";
import { readThroughDebconf } from "../core/render/debconf.ts";
import { render } from "./library.ts";
import { runScript, type Ran } from "./sandbox.ts";

type Variables = Readonly<Record<string, unknown>>;

/** What a script before the install does with disks, by template. */
export type Choice = Ran & { readonly chosen: readonly string[] };

/** Runs what each template runs before its installer touches a disk. */
export const CHOOSERS: Readonly<
  Record<string, (variables: Variables, files?: Readonly<Record<string, string>>) => Choice>
> = {
  "kickstart/enterprise-linux": (variables, files = {}) => {
    const ran = runScript(kickstartSection("pre", variables), { files });
    const only = /^ignoredisk --only-use=(.*)$/m.exec(ran.read("/tmp/pxedge-disk.ks") ?? "")?.[1];
    return { ...ran, chosen: only?.split(",").map((name) => `/dev/${name}`) ?? [] };
  },
  "preseed/debian-12": (variables, files = {}) => {
    const ran = runScript(preseedCommand("partman/early_command", variables), { files });
    const disks = /^partman-auto\/disk=(.*)$/m.exec(ran.read("/debconf") ?? "")?.[1];
    return { ...ran, chosen: disks?.split(" ") ?? [] };
  },
  "autoyast/opensuse-leap": (variables, files = {}) => {
    const profile = render("autoyast/opensuse-leap", variables);
    const ran = runScript(autoyastScript("pre", variables), {
      files: { "tmp/profile/autoinst.xml": profile, ...files },
    });
    const drives = [
      ...(ran.read("/tmp/profile/modified.xml") ?? "").matchAll(/<device>(\/dev\/sd.)<\/device>/g),
    ];
    return { ...ran, chosen: drives.map(([, path]) => path!) };
  },
  "shell/flatcar-install": (variables, files = {}) => {
    const ran = runScript(render("shell/flatcar-install", variables), { files });
    const disk = /^flatcar-install -d (\S+) /m.exec(ran.read("/ran") ?? "")?.[1];
    return { ...ran, chosen: disk === undefined ? [] : [disk] };
  },
  "shell/coreos-install": (variables, files = {}) => {
    const ran = runScript(render("shell/coreos-install", variables), { files });
    const disk = /^coreos-installer install (\S+) /m.exec(ran.read("/ran") ?? "")?.[1];
    return { ...ran, chosen: disk === undefined ? [] : [disk] };
  },
  "autoinstall/ubuntu": (variables, files = {}) => {
    const rendered = parse(render("autoinstall/ubuntu", variables)) as {
      autoinstall: { "early-commands": string[] };
    };
    const ran = runScript(rendered.autoinstall["early-commands"].join("\n"), {
      files: { "autoinstall.yaml": JSON.stringify(rendered.autoinstall), ...files },
    });
    const { storage } = parse(ran.read("/autoinstall.yaml")!) as {
      storage: { layout?: { match: { path?: string } }; config?: { path?: string; type: string }[] };
    };
    const paths = storage.config?.filter(({ type }) => type === "disk").map(({ path }) => path) ?? [
      storage.layout!.match.path,
    ];
    return { ...ran, chosen: paths.filter((path) => path !== undefined) };
  },
};

/** A section of the kickstart, e.g. `pre`, without its first and its last line. */
export function kickstartSection(name: string, variables: Variables): string {
  const text = render("kickstart/enterprise-linux", variables);
  return new RegExp(`^%${name}(?: .*)?\n([^]*?)^%end`, "m").exec(text)![1]!;
}

/** A command of the preseed file, as debconf reads it. */
export function preseedCommand(question: string, variables: Variables): string {
  const text = render("preseed/debian-12", { mirrorHost: "mirror.example", ...variables });
  return readThroughDebconf(text, [question])[0]!;
}

/** A script of the AutoYaST profile, e.g. `pre`. */
export function autoyastScript(name: string, variables: Variables): string {
  const text = render("autoyast/opensuse-leap", variables);
  const source = new RegExp(`<${name}-scripts[^]*?<source>([^]*?)</source>`).exec(text)![1]!;
  return source.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
}

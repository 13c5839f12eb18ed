import * as z from "zod";
import { RESERVED_KEY_PREFIX } from "../../core/boot/menu.ts";
import { KERNEL_PROTOCOLS, ON_FAILURE, type Initrd, type KernelProtocol } from "../../core/boot/model.ts";
import { parseInlineTemplate } from "../../core/render/parse.ts";
import { TemplateError } from "../../core/render/problems.ts";
import { ipxeLine } from "../../core/render/scripts/ipxe-text.ts";
import { ScriptError } from "../../core/render/scripts/script-error.ts";
import { filePathSchema, nameSchema, variablesSchema } from "./values.ts";

const answerSchema = z.strictObject({
  template: nameSchema,
  lifetime: z.enum(["once", "attempt"]).optional(),
});

/** By which a program finds what was loaded for it, e.g. `boot.wim`. */
const initrdNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/, "1 to 64 of letters, digits and . _ -, no . or - first");

const initrdSchema = z.union([
  filePathSchema,
  z.strictObject({ file: filePathSchema, name: initrdNameSchema }),
  z.strictObject({ answer: filePathSchema, name: initrdNameSchema.optional() }),
]);

const kernelMembers = {
  image: nameSchema,
  kernel: filePathSchema,
  protocol: z.enum(KERNEL_PROTOCOLS).optional().meta({
    description: "linux if left out; plain: wimboot, memtest86+, mboot: gets `args` alone, by iPXE only",
  }),
  initrds: z.array(initrdSchema).max(8).default([]),
  args: z.string().max(8_192).default(""),
  answers: z
    .record(filePathSchema, answerSchema)
    .refine((answers) => !("commit" in answers), "'commit' is the name of the commit itself")
    .default({}),
  variables: variablesSchema.default({}),
};

type KernelMembers = {
  readonly protocol?: KernelProtocol | undefined;
  readonly initrds: readonly Initrd[];
  readonly answers: Readonly<Record<string, unknown>>;
};

/** What is named or answered belongs to a plain program, and answers come last: fetching one commits. */
function checkInitrds({ protocol, initrds, answers }: KernelMembers, context: z.RefinementCtx): void {
  for (const [i, initrd] of initrds.entries()) {
    const refuse = (message: string): void =>
      context.addIssue({ code: "custom", path: ["initrds", i], message });
    const before = initrds[i - 1];
    const isAnswer = typeof initrd === "object" && "answer" in initrd;
    if (typeof initrd === "object" && protocol !== "plain") {
      refuse("a name or an answer is for protocol plain; Linux takes paths of the image");
    } else if (isAnswer && !Object.hasOwn(answers, initrd.answer)) {
      refuse(`"${initrd.answer}" is none of the profile's answers`);
    } else if (!isAnswer && typeof before === "object" && "answer" in before) {
      refuse("a file after an answer: fetching an answer commits, so answers come last");
    }
  }
}

const installSchema = z
  .strictObject({
    mode: z.literal("install"),
    ...kernelMembers,
    installDeadlineSeconds: z.int().min(60).max(604_800).default(14_400),
    /** What the machine boots after an install that failed, until somebody acts. */
    onFailure: z.enum(ON_FAILURE).default("local"),
    /** The live profile that `onFailure: rescue` boots. */
    rescue: nameSchema.optional(),
  })
  .refine(({ onFailure, rescue }) => (onFailure === "rescue") === (rescue !== undefined), {
    message: "names a live profile if, and only if, onFailure is rescue",
    path: ["rescue"],
  })
  .superRefine(checkInitrds);

const liveSchema = z
  .strictObject({ mode: z.literal("live"), ...kernelMembers })
  .superRefine(checkInitrds)
  .superRefine(({ answers }, context) => {
    for (const [file, { lifetime }] of Object.entries(answers)) {
      if (lifetime === undefined) continue;
      const message = "is for installs: a live system may fetch its answers again and again";
      context.addIssue({ code: "custom", path: ["answers", file, "lifetime"], message });
    }
  });

/** Mustache in the `ipxe` context; what it renders to is checked again at each boot. */
const ipxeTextSchema = z
  .string()
  .min(1)
  .max(2_000)
  .superRefine((text, context) => {
    try {
      parseInlineTemplate("ipxe", text);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      for (const { line, column, message } of error.errors) {
        context.addIssue({ code: "custom", message: `${line}:${column}: ${message}` });
      }
    }
  });

const chainUrlSchema = ipxeTextSchema.superRefine((url, context) => {
  if (!/^https?:\/\/\S+$/.test(url.replaceAll(/\{\{[^}]*\}\}/g, "x"))) {
    context.addIssue({ code: "custom", message: "an absolute http:// or https:// URL without blanks" });
  }
});

/** One line of text that every boot loader's menu can show. */
const labelSchema = z
  .string()
  .max(120)
  .superRefine((text, context) => {
    try {
      ipxeLine("label", text);
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      context.addIssue({ code: "custom", message: error.message.replace(/^label: /, "") });
    }
  });

const itemMembers = {
  key: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, "1 to 32 of a-z 0-9 -, first and last no dash")
    .refine((key) => !key.startsWith(RESERVED_KEY_PREFIX), `must not start with ${RESERVED_KEY_PREFIX}`),
  label: labelSchema,
  group: labelSchema.optional(),
  hotkey: z
    .string()
    .regex(/^[a-z0-9]$/, "one of a-z 0-9")
    .optional()
    .meta({ description: "Chooses it at once; PXELINUX has its key typed instead" }),
};

const menuSchema = z
  .strictObject({
    mode: z.literal("menu"),
    title: labelSchema,
    items: z
      .array(
        z.union([
          z.strictObject({ ...itemMembers, profile: nameSchema }),
          z.strictObject({ ...itemMembers, action: z.enum(["local", "exit", "shell", "reboot"]) }),
        ]),
      )
      .min(1)
      .max(50),
    /** Key of the item that is taken when the time is up. */
    default: z.string(),
    /** `null`: waits until somebody chooses. */
    timeoutSeconds: z.int().min(1).max(3_600).nullable().default(30),
  })
  .superRefine(({ items, default: defaultItem }, context) => {
    const keys = items.map(({ key }) => key);
    for (const [i, key] of keys.entries()) {
      if (keys.indexOf(key) === i) continue;
      context.addIssue({ code: "custom", path: ["items", i, "key"], message: `"${key}" is there twice` });
    }
    const hotkeys = items.map(({ hotkey }) => hotkey);
    for (const [i, hotkey] of hotkeys.entries()) {
      if (hotkey === undefined || hotkeys.indexOf(hotkey) === i) continue;
      context.addIssue({
        code: "custom",
        path: ["items", i, "hotkey"],
        message: `"${hotkey}" is there twice`,
      });
    }
    if (!keys.includes(defaultItem)) {
      context.addIssue({ code: "custom", path: ["default"], message: "is the key of no item" });
    }
  });

const chainSchema = z.strictObject({
  mode: z.literal("chain"),
  url: chainUrlSchema,
  variables: variablesSchema.default({}),
});

const sanSchema = z
  .strictObject({
    mode: z.literal("san"),
    uri: ipxeTextSchema.regex(
      /^iscsi:\S+$/,
      "iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET, e.g. iscsi:192.0.2.5::::iqn.2026-01.org.example:{{machine.name}}",
    ),
    initiator: ipxeTextSchema.optional().meta({ description: "The machine's iSCSI qualified name" }),
    username: ipxeTextSchema.optional(),
    password: ipxeTextSchema.optional().meta({ description: "By CHAP, e.g. {{secret.san}}" }),
    variables: variablesSchema.default({}),
  })
  .refine(({ username, password }) => (username === undefined) === (password === undefined), {
    message: "belongs to a username, and a username to it",
    path: ["password"],
  });

const localSchema = z.strictObject({ mode: z.literal("local") });

/** What a profile is, by its mode. */
export const PROFILE_SCHEMAS = [
  installSchema,
  liveSchema,
  menuSchema,
  chainSchema,
  sanSchema,
  localSchema,
] as const;

export const profileSchema = z.discriminatedUnion("mode", PROFILE_SCHEMAS).meta({
  id: "Profile",
  examples: [
    {
      mode: "install",
      image: "debian-12",
      kernel: "linux",
      initrds: ["initrd.gz"],
      args: "auto=true url={{urls.answers}}preseed.cfg",
      answers: { "preseed.cfg": { template: "debian" } },
    },
    {
      mode: "menu",
      title: "What shall it be?",
      items: [
        { key: "disk", label: "The local disk", action: "local" },
        { key: "debian", label: "Install Debian 12", profile: "debian-12" },
      ],
      default: "disk",
      timeoutSeconds: 20,
    },
  ],
});

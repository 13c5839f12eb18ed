import type { KernelProfile, Variables } from "../../core/boot/model.ts";

/** What one image holds; immutable, in KV under its revision. */
export type ImageManifest = {
  readonly files: Readonly<Record<string, StoredFile | UpstreamFile>>;
  /** `redirect`: machines without a relay fetch stored files from the bucket itself, by a presigned URL. */
  readonly delivery?: "redirect";
  /** Origins that files may come from, redirects included. */
  readonly origins?: readonly string[];
};

/** A file that was uploaded and read back. */
export type StoredFile = {
  readonly sizeBytes: number;
  /** Of the whole file, hexadecimal. */
  readonly sha256: string;
  /** Of each MiB, in order, hexadecimal; the last one may be of less. */
  readonly chunks: readonly string[];
  /** Key of the R2 object. */
  readonly object: string;
};

/** A file that lives elsewhere: streamed from there, and checked on the way. */
export type UpstreamFile = {
  readonly sizeBytes: number;
  /** Of the whole file, hexadecimal. */
  readonly sha256: string;
  /** Of each MiB, as in `StoredFile`; manifests from before they were recorded have none. */
  readonly chunks?: readonly string[];
  readonly url: string;
};

/**
 * All that booting a kernel's profile needs. An attempt has its own copy from
 * when it was armed: what was previewed is what is installed, and an armed
 * machine boots even while KV has nothing to say.
 */
export type Pinned = {
  readonly profile: { readonly name: string; readonly revision: string; readonly document: KernelProfile };
  /** By template name. */
  readonly templates: Readonly<Record<string, { readonly revision: string; readonly text: string }>>;
  readonly image: PinnedImage;
  /** The secrets that its templates name, encrypted. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** The live profile that a failed install boots. */
  readonly rescue?: Pinned;
  /** From the order itself: they override the machine's. */
  readonly variables: Variables;
};

export type PinnedImage = {
  readonly name: string;
  readonly revision: string;
  /** Only the files that the profile names, without their chunks. */
  readonly files: Readonly<Record<string, { readonly sizeBytes: number; readonly sha256: string }>>;
};

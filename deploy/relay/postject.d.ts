declare module "postject" {
  /** Puts a resource into a copy of an executable, where Node looks for it. */
  export function inject(
    filename: string,
    resourceName: string,
    resourceData: Buffer,
    options?: { readonly sentinelFuse?: string },
  ): Promise<void>;
}

import { AwsClient } from "aws4fetch";
import type { Env } from "./env.ts";

/** Long enough to begin a download; one that has begun is not cut. */
const LIFETIME_SECONDS = 3_600;

/** An S3-compatible way to the same bucket as the `IMAGES` binding, e.g. R2's own. */
export type S3Access = {
  /** With the bucket, without a trailing slash: `https://ACCOUNT.r2.cloudflarestorage.com/pxedge-images`. */
  readonly bucketUrl: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
};

/** `null` where the Worker was deployed without one. */
export function s3Access(env: Env): S3Access | null {
  const { S3_BUCKET_URL, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = env;
  if (!S3_BUCKET_URL || !S3_ACCESS_KEY_ID || !S3_SECRET_ACCESS_KEY) return null;
  return {
    bucketUrl: S3_BUCKET_URL,
    accessKeyId: S3_ACCESS_KEY_ID,
    secretAccessKey: S3_SECRET_ACCESS_KEY,
  };
}

/** A URL under which anyone may GET one object for an hour (AWS Signature Version 4, in the query). */
export async function presignGet(access: S3Access, key: string, now: number): Promise<string> {
  const client = new AwsClient({ ...access, service: "s3", region: "auto" });
  const request = await client.sign(`${access.bucketUrl}/${key}?X-Amz-Expires=${LIFETIME_SECONDS}`, {
    method: "GET",
    aws: { signQuery: true, datetime: new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, "") },
  });
  return request.url;
}

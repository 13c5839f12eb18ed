/** Neither kept nor compressed on the way: a boot loader takes the bytes as they come. */
export const NO_STORE = "no-store, no-transform";

/** One and the same for whatever is unknown, spent, expired, mis-signed or another site's. */
export function refused(): Response {
  return new Response("not found\n", {
    status: 404,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": NO_STORE },
  });
}

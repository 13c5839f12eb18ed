/** What one server spends, and how patient it is. */
export type TftpLimits = {
  /** Transfers at a time; a request beyond is dropped, since firmware asks again. */
  readonly maxTransfers: number;
  /** The same for one client address. */
  readonly maxTransfersPerClient: number;
  /** Of these, the ones whose client has not been heard: with `maxResendsUnheard`, what forged requests cost. */
  readonly maxUnheardPerClient: number;
  /** Largest window granted, RFC 7440. */
  readonly maxWindowSize: number;
  /** First re-send interval where the client names none; doubles up to `maxResendIntervalMs`. */
  readonly resendIntervalMs: number;
  readonly maxResendIntervalMs: number;
  /** Re-sends in a row before a client that was heard is given up. */
  readonly maxResends: number;
  /** The same before the first ACK, repeated requests included: few, since a forged source makes each an amplification. */
  readonly maxResendsUnheard: number;
  /** Files up to this size are held in memory, larger ones are streamed. */
  readonly maxCachedFileBytes: number;
  /** Memory for all held files. */
  readonly maxCacheBytes: number;
};

/**
 * A client that was heard and falls silent is given up after some 30 s; one
 * that was never heard after 3.5 s, during which it got the first packet three
 * times. It may have four such at a time: however many requests are forged,
 * their victim gets less than 2 kB/s. 64 blocks of 1,468 bytes are well under
 * Linux's default socket buffer.
 */
export const DEFAULT_TFTP_LIMITS: TftpLimits = {
  maxTransfers: 512,
  maxTransfersPerClient: 16,
  maxUnheardPerClient: 4,
  maxWindowSize: 64,
  resendIntervalMs: 500,
  maxResendIntervalMs: 8_000,
  maxResends: 7,
  maxResendsUnheard: 2,
  maxCachedFileBytes: 4 * 1024 * 1024,
  maxCacheBytes: 64 * 1024 * 1024,
};

/** How long a client that is not heard is sent to, in milliseconds. */
export function patienceUnheardMs(
  limits: Pick<TftpLimits, "resendIntervalMs" | "maxResendIntervalMs" | "maxResendsUnheard">,
): number {
  let sum = 0;
  for (let resends = 0; resends <= limits.maxResendsUnheard; resends++)
    sum += resendIntervalMs(limits, resends);
  return sum;
}

/** How long the next re-send is waited for, after so many of them. */
export function resendIntervalMs(
  limits: Pick<TftpLimits, "resendIntervalMs" | "maxResendIntervalMs">,
  resends: number,
): number {
  return Math.min(limits.resendIntervalMs * 2 ** resends, limits.maxResendIntervalMs);
}

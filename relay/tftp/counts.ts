/** Counters since the start. */
export type TftpCounts = {
  sent: number;
  probed: number;
  failed: number;
  refused: number;
  /** Requests dropped because too many transfers were running. */
  limited: number;
  /** Datagrams that were no request, or no TFTP, or from where nobody is served. */
  ignored: number;
  /** Bytes of files that clients acknowledged. */
  bytes: number;
  /** Blocks sent again. */
  resent: number;
};

export function noTftpCounts(): TftpCounts {
  return { sent: 0, probed: 0, failed: 0, refused: 0, limited: 0, ignored: 0, bytes: 0, resent: 0 };
}

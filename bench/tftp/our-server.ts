/**
 * The TFTP server by itself, as the relay runs it.
 *
 *     node bench/tftp/our-server.ts ADDRESS PORT FOLDER [LIMITS]
 */
import type { TftpLimits } from "../../relay/tftp/limits.ts";
import { createTftpServer } from "../../relay/tftp/server.ts";

const [address, port, root, limits] = process.argv.slice(2) as [string, string, string, string?];
/** All load comes from one address here. */
const LIMITS: Partial<TftpLimits> = { maxTransfersPerClient: 512, maxUnheardPerClient: 512 };
const unused = (): void => undefined;
const complain = (_fields: unknown, message: string): void => void process.stderr.write(`${message}\n`);
const server = createTftpServer({
  root,
  address,
  port: Number(port),
  mtuBytes: 1500,
  onEvent: unused,
  macOf: () => null,
  isServed: () => true,
  log: { debug: unused, info: unused, warn: unused, error: complain },
  limits: limits === undefined ? LIMITS : (JSON.parse(limits) as Partial<TftpLimits>),
});
const started = await server.start();
process.stdout.write(`ready ${started.port}\n`);
process.once("SIGTERM", () => void server.stop().then(() => process.exit()));

/**
 * The TFTP server by itself, as the relay runs it.
 *
 *     node bench/tftp/our-server.ts ADDRESS PORT FOLDER
 */
import { createTftpServer } from "../../relay/tftp/server.ts";

const [address, port, root] = process.argv.slice(2) as [string, string, string];
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
  // All load comes from one address here.
  limits: { maxTransfersPerClient: 512 },
});
await server.start();
process.stdout.write("ready\n");
process.once("SIGTERM", () => void server.stop().then(() => process.exit()));

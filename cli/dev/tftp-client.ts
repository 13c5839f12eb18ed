import { createSocket } from "node:dgram";
import { decode, encode, type TftpPacket } from "../../core/tftp-packet/index.ts";

const TIMEOUT_MS = 5_000;

/**
 * Reads a file over TFTP with `blksize` and `windowsize`, as EDK2 does.
 *
 * @param localAddress the address to ask from
 * @throws Error with the server's own words, or after 5 s of silence
 */
export async function readTftpFile(request: {
  localAddress: string;
  address: string;
  port: number;
  file: string;
}): Promise<Buffer> {
  const socket = createSocket("udp4");
  const blocks: Uint8Array[] = [];
  let blockSize = 512;
  let windowSize = 1;
  let silence: NodeJS.Timeout | undefined;

  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (message: string) => reject(new Error(`${request.file}: ${message}`));
      const watch = () => {
        clearTimeout(silence);
        silence = setTimeout(
          () => fail(`the TFTP server fell silent after ${blocks.length} blocks`),
          TIMEOUT_MS,
        );
      };
      const send = (packet: TftpPacket, port: number) => {
        watch();
        socket.send(encode(packet), port, request.address);
      };
      socket.on("error", reject);
      socket.on("message", (bytes, { port }) => {
        const packet = decode(bytes);
        if (packet.kind === "error") return fail(`the TFTP server says: ${packet.message}`);
        if (packet.kind === "oack") {
          const option = (name: string) => Number(packet.options.find((each) => each.name === name)?.value);
          blockSize = option("blksize") || blockSize;
          windowSize = option("windowsize") || windowSize;
          return send({ kind: "ack", block: 0 }, port);
        }
        if (packet.kind !== "data" || packet.block !== ((blocks.length + 1) & 0xffff)) return;
        blocks.push(Uint8Array.from(packet.data));
        const last = packet.data.length < blockSize;
        if (last || blocks.length % windowSize === 0) send({ kind: "ack", block: packet.block }, port);
        else watch();
        if (last) resolve();
      });
      socket.bind(0, request.localAddress, () =>
        send(
          {
            kind: "rrq",
            filename: request.file,
            mode: "octet",
            options: [
              { name: "tsize", value: "0" },
              { name: "blksize", value: "1468" },
              { name: "windowsize", value: "4" },
            ],
          },
          request.port,
        ),
      );
    });
  } finally {
    clearTimeout(silence);
    socket.close();
  }
  return Buffer.concat(blocks);
}

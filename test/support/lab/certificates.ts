import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { join } from "node:path";
import { run } from "./child.ts";

/** A certificate chain of a test's own, as a free edge certificate's: ECDSA on P-256, root → issuing CA → server. */
export type TestChain = {
  /** Of the server, PEM. */
  readonly key: string;
  /** The server's and the issuing CA's, PEM: what a server sends. */
  readonly certificates: string;
  /** File with the root, PEM: what a client trusts. */
  readonly rootFile: string;
  /** File with the root as EDK2's and iPXE's EFI builds read it from `etc/edk2/https/cacerts`. */
  readonly firmwareCaListFile: string;
};

/** EFI_CERT_X509_GUID, a5c059a1-94e4-4aa7-87b5-ab155c2bf072: its first three fields are little-endian. */
const CERT_X509_GUID = Buffer.from("a159c0a5e494a74a87b5ab155c2bf072", "hex");
const DAYS = "30";

/** Makes keys and certificates for `name`, of a host or an IPv4 address, under `directory`, by openssl. */
export async function createTestChain(directory: string, name: string): Promise<TestChain> {
  mkdirSync(directory, { recursive: true });
  const file = (path: string) => join(directory, path);
  const caExtensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";
  await issue(file, { role: "root", subject: "pxedge test root", extensions: caExtensions });
  await issue(file, { role: "issuer", subject: "pxedge test CA", by: "root", extensions: caExtensions });
  await issue(file, {
    role: "server",
    subject: name,
    by: "issuer",
    extensions: `subjectAltName=${isIPv4(name) ? "IP" : "DNS"}:${name}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n`,
  });
  await run("openssl", ["x509", "-in", file("root.pem"), "-outform", "DER", "-out", file("root.der")]);
  writeFileSync(file("root.esl"), formatSignatureList(readFileSync(file("root.der"))));
  return {
    key: readFileSync(file("server.key"), "latin1"),
    certificates: readFileSync(file("server.pem"), "latin1") + readFileSync(file("issuer.pem"), "latin1"),
    rootFile: file("root.pem"),
    firmwareCaListFile: file("root.esl"),
  };
}

type Certificate = { role: string; subject: string; by?: string; extensions: string };

async function issue(file: (path: string) => string, certificate: Certificate): Promise<void> {
  const { role, subject, by, extensions } = certificate;
  const [key, request, result] = [file(`${role}.key`), file(`${role}.csr`), file(`${role}.pem`)];
  const curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
  await run("openssl", ["genpkey", ...curve, "-out", key]);
  await run("openssl", ["req", "-new", "-sha256", "-key", key, "-subj", `/CN=${subject}`, "-out", request]);
  writeFileSync(file(`${role}.ext`), extensions);
  const signedBy =
    by === undefined
      ? ["-signkey", key]
      : ["-CA", file(`${by}.pem`), "-CAkey", file(`${by}.key`), "-CAcreateserial"];
  const validity = ["-days", DAYS, "-extfile", file(`${role}.ext`)];
  await run("openssl", ["x509", "-req", "-sha256", "-in", request, ...signedBy, ...validity, "-out", result]);
}

/** One certificate as an EFI_SIGNATURE_LIST (UEFI specification, section 32.4.1), without an owner. */
function formatSignatureList(der: Buffer): Buffer {
  const header = Buffer.alloc(28);
  CERT_X509_GUID.copy(header);
  const signatureSize = 16 + der.length;
  header.writeUInt32LE(header.length + signatureSize, 16);
  header.writeUInt32LE(signatureSize, 24);
  return Buffer.concat([header, Buffer.alloc(16), der]);
}

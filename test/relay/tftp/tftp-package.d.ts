/** The npm package `tftp`, a client that nobody here wrote, which has no types of its own. */
declare module "tftp" {
  type Client = { get(remoteFile: string, localFile: string, done: (error?: Error) => void): unknown };
  const tftp: {
    createClient(options: { host: string; port: number; blockSize: number; windowSize: number }): Client;
  };
  export default tftp;
}

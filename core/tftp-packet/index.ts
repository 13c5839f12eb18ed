export { decode } from "./decode.ts";
export { encode } from "./encode.ts";
export { TftpDecodeError, TftpEncodeError } from "./errors.ts";
export { maxBlockSizeOfMtu, negotiate, type TransferLimits } from "./negotiate.ts";
export { encodeNetascii } from "./netascii.ts";
export { parseMode, type TftpPacket } from "./packet.ts";
export {
  acknowledge,
  expire,
  repeatRequest,
  startSender,
  type SenderAction,
  type SenderPlan,
  type SenderState,
  type SenderStep,
} from "./sender.ts";

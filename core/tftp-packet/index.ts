export { decode } from "./decode.ts";
export { encode } from "./encode.ts";
export {
  TftpDecodeError,
  TftpEncodeError,
  type TftpDecodeErrorCode,
  type TftpEncodeErrorCode,
} from "./errors.ts";
export {
  DEFAULT_BLOCK_SIZE_BYTES,
  MAX_BLOCK_SIZE_BYTES,
  maxBlockSizeOfMtu,
  negotiate,
  type Negotiated,
  type TransferLimits,
} from "./negotiate.ts";
export { encodeNetascii } from "./netascii.ts";
export {
  ERROR_CODE,
  OPCODE,
  parseMode,
  type TftpAck,
  type TftpData,
  type TftpFailure,
  type TftpMode,
  type TftpOack,
  type TftpOption,
  type TftpPacket,
  type TftpRequest,
} from "./packet.ts";
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

/** What the server says to its operator; pino's loggers fit. */
export type DhcpLog = Record<"debug" | "info" | "warn" | "error", (fields: object, message: string) => void>;

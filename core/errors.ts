/**
 * Base of every error this project throws on purpose. Consumers switch on
 * `code`, never on the message; the message is for people.
 */
export abstract class PxedgeError extends Error {
  abstract readonly code: string;
}

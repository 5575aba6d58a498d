import { isFields, text } from "./post.ts";

/** Why the server dropped something that this page published. */
export interface Refusal {
  readonly topic: string;
  /** Empty where the message had none. */
  readonly key: string;
  readonly detail: string;
}

/** Reads a message of the person's errors topic; null where it is none. */
export function parseRefusal(payload: string): Refusal | null {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return null; // Foreign input that is not what the topic carries.
  }
  if (!isFields(value)) return null;
  return {
    topic: text(value["topic"]),
    key: text(value["key"]),
    detail: text(value["detail"]) || text(value["code"]) || "The server did not accept this message.",
  };
}

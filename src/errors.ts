// The world's failures, each with a documented code (docs/errors.md; a test keeps the two in step).
// Outcomes (a miss, NOT_STORED) are values and never come here; client mistakes are replies; bugs are
// assertions. Callers match on `code`, never on the text.

export const ERROR_CODES = [
  'KV_BAD_OPTION',
  'KV_CLOCK',
  'KV_CLOSED',
  'KV_CORRUPTION',
  'KV_FORMAT_VERSION',
  'KV_IO',
  'KV_LOCKED',
  'KV_NO_PERMISSION',
  'KV_NO_SPACE',
  'KV_NOT_A_STORE',
  'KV_POISONED',
] as const;

export type KvErrorCode = (typeof ERROR_CODES)[number];

interface KvErrorDetails {
  /** The file concerned. */
  readonly path?: string;
  /** Byte position in that file. */
  readonly offset?: number;
  readonly cause?: unknown;
}

export class KvError extends Error {
  override readonly name = 'KvError';
  readonly code: KvErrorCode;
  readonly path: string | undefined;
  readonly offset: number | undefined;

  /** `message` is a sentence without a final period; the place is appended as ` (path@offset)`. */
  constructor(code: KvErrorCode, message: string, details: KvErrorDetails = {}) {
    const { path, offset, cause } = details;
    const place = path === undefined ? '' : ` (${path}${offset === undefined ? '' : `@${offset}`})`;
    super(message + place, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
    this.offset = offset;
  }
}

/** True when `error` is a KvError of that code. */
export function isKvError(error: unknown, code?: KvErrorCode): error is KvError {
  return error instanceof KvError && (code === undefined || error.code === code);
}

/** What the process or the machine is out of for the moment: such a failure says nothing about a file. */
const PASSING: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/** True when `error`, or what caused it, may be gone at the next try. */
export function isPassing(error: unknown): boolean {
  if (PASSING.has(systemCode(error) ?? '')) return true;
  return error instanceof Error && error.cause !== undefined && isPassing(error.cause);
}

/** True when the process, or the machine, has no descriptor left: it says nothing about the file. */
export function isOutOfDescriptors(error: unknown): boolean {
  if (['EMFILE', 'ENFILE'].includes(systemCode(error) ?? '')) return true;
  return error instanceof Error && error.cause !== undefined && isOutOfDescriptors(error.cause);
}

/** The operating system's code of a failed call (`ENOSPC`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === 'string' ? code : undefined;
}

// Failures of the world, each with a documented code (docs/errors.md; a test keeps the two in step).
// Outcomes (a miss, NOT_STORED) are values and never become a KvError. Client mistakes are replies, bugs are
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
  'KV_TOO_OLD',
] as const;

export type KvErrorCode = (typeof ERROR_CODES)[number];

export interface KvErrorDetails {
  /** The file concerned. */
  readonly path?: string;
  /** Byte position in that file. */
  readonly offset?: number;
  /** With KV_TOO_OLD from a feed: all changes after this seq are kept. */
  readonly oldestSeq?: number;
  readonly cause?: unknown;
}

export class KvError extends Error {
  override readonly name = 'KvError';
  readonly code: KvErrorCode;
  readonly path: string | undefined;
  readonly offset: number | undefined;
  readonly oldestSeq: number | undefined;

  /** `message` is a sentence without a final period; the place is appended as ` (path@offset)`. */
  constructor(code: KvErrorCode, message: string, details: KvErrorDetails = {}) {
    const { path, offset, oldestSeq, cause } = details;
    const place = path === undefined ? '' : ` (${path}${offset === undefined ? '' : `@${offset}`})`;
    super(message + place, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
    this.offset = offset;
    this.oldestSeq = oldestSeq;
  }
}

/** True when `error` is a KvError of that code. */
export function isKvError(error: unknown, code?: KvErrorCode): error is KvError {
  return error instanceof KvError && (code === undefined || error.code === code);
}

/** Codes of a resource that the process or the machine has run out of for the moment: they say nothing about a file. */
const PASSING: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/** Checks whether `error`, or its cause, may be gone at the next try. */
export function isPassing(error: unknown): boolean {
  if (PASSING.has(systemCode(error) ?? '')) return true;
  return error instanceof Error && error.cause !== undefined && isPassing(error.cause);
}

/** Checks whether the process or the machine has no descriptor left, which says nothing about the file. */
export function isOutOfDescriptors(error: unknown): boolean {
  if (['EMFILE', 'ENFILE'].includes(systemCode(error) ?? '')) return true;
  return error instanceof Error && error.cause !== undefined && isOutOfDescriptors(error.cause);
}

/** Returns the operating system's code of a failed call (`ENOSPC`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === 'string' ? code : undefined;
}

/** The meaning of the system's codes, in words. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBADF: 'the descriptor is not open for that',
  EBUSY: 'it is in use',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it exists already',
  EFBIG: 'the file would be larger than files may be',
  EIO: 'the device failed',
  EISDIR: 'it is a directory',
  ELOOP: 'its path has too many symbolic links',
  EMFILE: 'the process has no descriptor left (ulimit -n)',
  ENAMETOOLONG: 'the name is too long',
  ENFILE: 'the machine has no descriptor left',
  ENODEV: 'there is no such device',
  ENOENT: 'there is no such file or directory',
  ENOMEM: 'out of memory',
  ENOSPC: 'there is no room on the disk',
  ENOTDIR: 'a part of the path is not a directory',
  ENOTEMPTY: 'the directory is not empty',
  ENXIO: 'nobody is at the other end, or there is no such device',
  EPERM: 'the system does not allow it',
  EPIPE: 'nobody reads any more',
  EROFS: 'the file system is read-only',
  ETXTBSY: 'it is a running program',
  EXDEV: 'it is on another file system',
};

/** Returns the reason of a failed system call in words, with its code; for another error its message. */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = systemCode(error) ?? '';
  const reason = REASONS[code];
  return reason === undefined ? error.message : `${reason} (${code})`;
}

/** Returns systemReason with the path that the system named, for an error whose message is not Cairn's own. */
export function failureText(error: unknown): string {
  const reason = systemReason(error);
  const path = error instanceof Error ? (error as NodeJS.ErrnoException).path : undefined;
  const isNamed = path === undefined || error instanceof KvError || reason.includes(path);
  return isNamed ? reason : `${path}: ${reason}`;
}

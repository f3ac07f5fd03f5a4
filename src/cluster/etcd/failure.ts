// Failures of a call to etcd, told apart by what they mean for the request: whether it was done, will not be, or nobody knows.
// The texts are those of etcd's rpctypes/error.go (3.4) and of grpc-js (docs/cluster.md, "Over etcd").
//
// Invariant: only what etcd refuses before it proposes the request, or what never left this process, is `not-executed`.
// When in doubt it is `unknown`: then the slot of the batch tells (write-lanes.ts).

type FailureKind =
  /** Certainly not done, now or later; worth another try. */
  | 'not-executed'
  /** It may have been done, or be done yet. */
  | 'unknown'
  /** etcd's quota is used up. The request may have been done all the same: etcd 3.4 says so after the put that was too much. */
  | 'no-space'
  /** The token of this login is not known any more: not done. */
  | 'login'
  /** Certainly not done, and it will never be: a right is missing, or the request is not to etcd's liking. */
  | 'refused';

export class EtcdFailure extends Error {
  override readonly name = 'EtcdFailure';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

/** gRPC's codes. */
const CODE = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const TEXTS: readonly (readonly [RegExp, FailureKind])[] = [
  [/database space exceeded/, 'no-space'],
  [/invalid auth token|revision of auth store is old|user name is empty/, 'login'],
  // Refused before anything is proposed: the queue of the node is full, or it knows no leader.
  [/too many requests|etcdserver: no leader|not capable/, 'not-executed'],
  [
    /^No connection established|^Name resolution failed|^Channel has been shut down/,
    'not-executed',
  ],
];

const CODES = new Map<number, FailureKind>([
  [CODE.invalidArgument, 'refused'],
  [CODE.permissionDenied, 'refused'],
  [CODE.failedPrecondition, 'refused'],
  [CODE.outOfRange, 'refused'],
  [CODE.unimplemented, 'refused'],
  [CODE.unauthenticated, 'login'],
  // The request is larger than a message may be.
  [CODE.resourceExhausted, 'refused'],
]);

/** Of an error that grpc-js gave for a call to `host`. */
export function etcdFailure(error: unknown, host: string): EtcdFailure {
  if (error instanceof EtcdFailure) return error;
  const { code, details } = error as { readonly code?: number; readonly details?: string };
  const text = details ?? (error instanceof Error ? error.message : String(error));
  const byText = TEXTS.find(([pattern]) => pattern.test(text))?.[1];
  const kind = byText ?? CODES.get(code ?? -1) ?? 'unknown';
  return new EtcdFailure(kind, `etcd at ${host}: ${text}`, error);
}

/** For a catch: what is no failure of a call is a bug, and goes on as it came. */
export function onlyEtcd(error: unknown): EtcdFailure {
  if (error instanceof EtcdFailure) return error;
  throw error;
}

/** History is gone up to a revision that was asked for. */
export function isCompacted(error: unknown): boolean {
  return error instanceof Error && error.message.includes('has been compacted');
}

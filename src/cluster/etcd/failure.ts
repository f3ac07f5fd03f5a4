// Failures of a call to etcd, by their meaning for the request: it was not done, it will never be done, or its fate is unknown.
// The texts are those of rpctypes/error.go in etcd 3.4 and of grpc-js (docs/cluster.md, "Over etcd").
//
// Invariant: a failure is `not-executed` only when etcd refused the request before it proposed it, or when the request never
// left this process. In doubt the failure is `unknown`: then the slot of the batch tells its fate (write-lanes.ts).

import { connectionFailureText } from '../connection-failure.js';

type FailureKind =
  /** The request is certainly not done, now or later; another try is worth it. */
  | 'not-executed'
  /** The request may have been done, or may still be done. */
  | 'unknown'
  /** etcd's quota is used up. The request may have been done all the same: etcd 3.4 says this after the put that went over it. */
  | 'no-space'
  /** etcd no longer knows the token of this login. The request is not done. */
  | 'login'
  /** The request is certainly not done and never will be: a right is missing, or etcd does not accept the request. */
  | 'refused';

export class EtcdFailure extends Error {
  override readonly name = 'EtcdFailure';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

/** Status codes of gRPC. */
const CODE = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const TEXTS: readonly (readonly [RegExp, FailureKind])[] = [
  [/database space exceeded/, 'no-space'],
  [/invalid auth token|revision of auth store is old|user name is empty/, 'login'],
  // A message may not be that large. The code of this error is also that of a connection that the node ended, so the text decides.
  [/message larger than max/, 'refused'],
  // The node refuses before it proposes: its queue is full, or it knows no leader.
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
]);

/** The failure that an error of grpc-js means, for a call to `host`. */
export function etcdFailure(error: unknown, host: string): EtcdFailure {
  if (error instanceof EtcdFailure) return error;
  const { code, details } = error as { readonly code?: number; readonly details?: string };
  const text = details ?? (error instanceof Error ? error.message : String(error));
  const byText = TEXTS.find(([pattern]) => pattern.test(text))?.[1];
  const kind = byText ?? CODES.get(code ?? -1) ?? 'unknown';
  return new EtcdFailure(kind, `etcd at ${host}: ${connectionFailureText(text)}`, error);
}

/** For a catch: returns a failure of a call. Any other error is a bug and is thrown again. */
export function onlyEtcd(error: unknown): EtcdFailure {
  if (error instanceof EtcdFailure) return error;
  throw error;
}

/** Checks whether etcd has forgotten the revision that was asked for. */
export function isCompacted(error: unknown): boolean {
  return error instanceof Error && error.message.includes('has been compacted');
}

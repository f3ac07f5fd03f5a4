// The error of a server that cannot listen; main turns it into a message and an exit code.

export class ListenError extends Error {
  override readonly name = 'ListenError';

  /** `address` is the text that the operator wrote. */
  constructor(address: string, cause: unknown) {
    const { code } = cause as NodeJS.ErrnoException;
    super(`Cannot listen on ${address}: ${reasonOf(code, cause)}`, { cause });
  }
}

function reasonOf(code: string | undefined, cause: unknown): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'the address is in use (another server, or an address that -l covers twice? choose another with -p, -l or --http)';
    case 'EACCES':
      return 'permission denied (ports below 1024 need privileges)';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'no such host';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

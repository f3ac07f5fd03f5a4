"""Counts primes below a number, slowly the first time. Usage: primes.py <number> [host [port]]"""

import sys

from cached import cached, connect

if len(sys.argv) < 2:
    sys.exit(__doc__)
limit = int(sys.argv[1])
host = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
port = int(sys.argv[3]) if len(sys.argv) > 3 else 11211


@cached(connect(host, port), seconds=24 * 3600)
def primes_below(number):
    print(f"counting up to {number} …", file=sys.stderr)
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, number))


print(primes_below(limit))

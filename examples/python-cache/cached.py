"""A decorator that keeps the results of a function in Cairn, so that they outlive this process and the server's crash."""

import functools
import hashlib
import json
import sys

from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheError


def connect(host, port):
    """Returns a client of the server. Its writes wait until they are on disk: pymemcache's default is `noreply`."""
    return Client((host, port), default_noreply=False, connect_timeout=2, timeout=2)


def cached(client, seconds):
    """Returns a decorator for functions whose arguments and results are JSON. A result is kept for `seconds`, 0 for ever."""

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            key = key_of(function.__qualname__, args)
            try:
                found = client.get(key)
            except (MemcacheError, OSError) as error:
                # Without the server the function still works, but slowly.
                print(f"cache: {key} could not be read: {error}", file=sys.stderr)
                return function(*args)
            if found is not None:
                return json.loads(found)
            result = function(*args)
            try:
                client.set(key, json.dumps(result).encode(), expire=seconds)
            except (MemcacheError, OSError) as error:
                print(f"cache: {key} could not be stored: {error}", file=sys.stderr)
            return result

        return wrapper

    return decorate


def key_of(name, args):
    """Returns a key without spaces, of at most 250 bytes, whatever the arguments are."""
    digest = hashlib.sha256(json.dumps(args).encode()).hexdigest()
    return f"{name}:{digest}"

"""Runs every command of pymemcache against HOST PORT; exits non-zero at the first wrong answer."""
import sys

from pymemcache import serde
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheClientError, MemcacheServerError, MemcacheIllegalInputError

checks = 0


def check(what, got, wanted):
    global checks
    checks += 1
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def check_raises(what, kind, call):
    global checks
    checks += 1
    try:
        got = call()
    except kind:
        return
    sys.exit(f"{what}: got {got!r}, wanted {kind.__name__}")


host, port = sys.argv[1], int(sys.argv[2])
client = Client((host, port), default_noreply=False, timeout=10, connect_timeout=10)
client.flush_all()

# Storage commands and their conditions.
check("set", client.set("k", b"one"), True)
check("get", client.get("k"), b"one")
check("get default", client.get("missing", default=7), 7)
check("add existing", client.add("k", b"two"), False)
check("add missing", client.add("fresh", b"two"), True)
check("replace missing", client.replace("missing", b"x"), False)
check("replace", client.replace("k", b"two"), True)
check("append", client.append("k", b" end"), True)
check("prepend", client.prepend("k", b"start "), True)
check("append missing", client.append("missing", b"x"), False)
check("joined", client.get("k"), b"start two end")
check("set_many", client.set_many({"a": b"1", "b": b"2"}), [])
check("get_many", client.get_many(["a", "b", "c"]), {"a": b"1", "b": b"2"})
check("bytes", client.set("bytes", bytes(range(256)) * 10), True)
check("bytes read", client.get("bytes"), bytes(range(256)) * 10)

# Tokens.
value, token = client.gets("k")
check("gets", value, b"start two end")
check("cas", client.cas("k", b"swapped", token), True)
check("cas again", client.cas("k", b"late", token), False)
check("cas missing", client.cas("missing", b"x", token), None)
check("gets_many", set(client.gets_many(["a", "b", "c"])), {"a", "b"})

# Numbers.
client.set("n", b"10")
check("incr", client.incr("n", 5), 15)
check("decr", client.decr("n", 6), 9)
check("decr floor", client.decr("n", 600), 0)
check("incr missing", client.incr("missing", 1), None)
client.set("n", str(2**64 - 1).encode())
check("incr wraps", client.incr("n", 1), 0)
client.set("n", b"text")
check_raises("incr text", MemcacheClientError, lambda: client.incr("n", 1))

# Deletes and expiry.
check("delete", client.delete("a"), True)
check("delete again", client.delete("a"), False)
check("delete_many", client.delete_many(["b", "fresh"]), True)
check("touch", client.touch("k", 100), True)
check("touch missing", client.touch("missing", 100), False)
check("touch to the past", client.touch("k", -1), True)
check("expired", client.get("k"), None)

# Writes without a reply, and the barrier behind them.
for i in range(200):
    client.set(f"quiet:{i}", str(i).encode(), noreply=True)
check("noreply", len(client.get_many([f"quiet:{i}" for i in range(200)])), 200)
client.delete("quiet:0", noreply=True)
client.incr("quiet:1", 41, noreply=True)
check("noreply incr", client.get("quiet:1"), b"42")

# The server's own commands.
check("version", client.version()[:4], b"1.6.")
stats = client.stats()
for name in (b"pid", b"uptime", b"curr_items", b"cmd_get", b"threads", b"limit_maxbytes"):
    check(f"stats {name!r}", name in stats, True)
check("stats settings", client.stats("settings")[b"maxconns"], 1024)
check("cache_memlimit", client.cache_memlimit(64), True)
check_raises("bad key", MemcacheIllegalInputError, lambda: client.get("k" * 251))
check_raises("too large", MemcacheServerError, lambda: client.set("big", b"x" * (1024 * 1024 + 1)))
check("after an error", client.set("k", b"fine"), True)
check("flush_all", client.flush_all(), True)
check("flushed", client.get("k"), None)

# As Django uses it: pickled values, a pool, a ring of servers.
pool = PooledClient((host, port), serde=serde.pickle_serde, max_pool_size=4, timeout=10)
pool.set("object", {"a": [1, None]})
check("pickled", pool.get("object"), {"a": [1, None]})
ring = HashClient([(host, port)], serde=serde.pickle_serde, use_pooling=True, timeout=10)
ring.set_many({"x": 1, "y": "two"})
check("ring", ring.get_many(["x", "y", "z"]), {"x": 1, "y": "two"})
client.quit()
print(f"{checks} checks")

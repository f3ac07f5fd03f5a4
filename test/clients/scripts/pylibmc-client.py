"""Runs every command of pylibmc against HOST PORT text|binary; exits non-zero at the first wrong answer."""
import sys

import pylibmc

checks = 0


def check(what, got, wanted):
    global checks
    checks += 1
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def check_raises_or_false(what, kind, call):
    """The two protocols have two replies for it, and the client two answers."""
    global checks
    checks += 1
    try:
        got = call()
    except kind:
        return
    if got is not False:
        sys.exit(f"{what}: got {got!r}, wanted False or {kind.__name__}")


def check_raises(what, kind, call):
    global checks
    checks += 1
    try:
        got = call()
    except kind:
        return
    sys.exit(f"{what}: got {got!r}, wanted {kind.__name__}")


host, port, protocol = sys.argv[1], sys.argv[2], sys.argv[3]
behaviors = {"tcp_nodelay": True, "cas": True, "ketama": True}
client = pylibmc.Client([f"{host}:{port}"], binary=protocol == "binary", behaviors=behaviors)
check("flush_all", client.flush_all(), True)

for value in ("text", b"bytes\x00\r\n", 17, 2**40, True, {"a": [1, None]}, "ünïcödé ☃"):
    check(f"set {value!r}", client.set("k", value), True)
    check(f"get {value!r}", client.get("k"), value)
check("get missing", client.get("missing"), None)
check("in", ["k" in client, "missing" in client], [True, False])
check("add existing", client.add("k", "x"), False)
check("add", client.add("fresh", "x"), True)
check_raises_or_false("replace missing", pylibmc.NotFound, lambda: client.replace("missing", "x"))
check("replace", client.replace("k", "middle"), True)
check("append", client.append("k", " end"), True)
check("prepend", client.prepend("k", "start "), True)
check("joined", client.get("k"), "start middle end")
check_raises_or_false("append missing", pylibmc.NotFound, lambda: client.append("missing", "x"))

check("set_multi", client.set_multi({"a": 1, "b": 2}, key_prefix="pre:"), [])
check("get_multi", client.get_multi(["a", "b", "c"], key_prefix="pre:"), {"a": 1, "b": 2})
check("delete_multi", client.delete_multi(["a"], key_prefix="pre:"), True)
check("get_multi after", client.get_multi(["a", "b"], key_prefix="pre:"), {"b": 2})
many = {f"many:{i}": f"value {i}" for i in range(500)}
check("set_multi many", client.set_multi(many), [])
check("get_multi many", client.get_multi(list(many)), many)

value, token = client.gets("k")
check("gets", value, "start middle end")
check("cas", client.cas("k", "swapped", token), True)
check("cas again", client.cas("k", "late", token), False)
check("after cas", client.get("k"), "swapped")

client.set("n", 10)
check("incr", client.incr("n", 5), 15)
check("decr", client.decr("n", 6), 9)
check("incr_multi", client.incr_multi(["n"], delta=1), None)
check("after incr_multi", int(client.get("n")), 10)
check_raises("incr missing", pylibmc.NotFound, lambda: client.incr("missing"))

check("touch", client.touch("k", 100), True)
check("touch missing", client.touch("missing", 100), False)
check("delete", client.delete("k"), True)
check("delete again", client.delete("k"), False)

check_raises("too large", pylibmc.Error, lambda: client.set("big", b"x" * (1024 * 1024 + 1)))
check("after an error", client.set("k", "fine"), True)
check("compressed", client.set("squeezed", "many words " * 1000, min_compress_len=100), True)
check("compressed read", client.get("squeezed"), "many words " * 1000)

[(address, stats)] = client.get_stats()
check("stats", stats.get("pid", "").isdigit() if isinstance(stats.get("pid"), str) else True, True)
check("stats names", {"curr_items", "cmd_get", "version"} <= set(stats), True)
client.disconnect_all()
check("after disconnect_all", client.get("k"), "fine")
print(f"{checks} checks")

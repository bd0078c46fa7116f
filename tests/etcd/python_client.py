"""What a user of python3-etcd3 does; prints what it sees. Argument: the server's port."""

import sys
import threading

import etcd3

client = etcd3.client(host="127.0.0.1", port=int(sys.argv[1]))

client.put("py/a", "1")
print(client.get("py/a")[0], client.get("py/absent"))
print(client.put("py/a", "2", prev_kv=True).prev_kv.value)
print(client.put_if_not_exists("py/a", "3"), client.put_if_not_exists("py/b", "3"), client.replace("py/b", "3", "4"))
print([(value, meta.key, meta.version, meta.create_revision, meta.mod_revision) for value, meta in client.get_prefix("py/", sort_order="descend", sort_target="key")])
print([meta.key for _, meta in client.get_prefix("py/", keys_only=True)])
print([value for value, _ in client.get_range("py/a", "py/b")])

print(
    client.transaction(
        compare=[client.transactions.value("py/a") == "2", client.transactions.version("py/none") == 0],
        success=[client.transactions.put("py/c", "5"), client.transactions.get("py/b")],
        failure=[client.transactions.delete("py/a")],
    )[0]
)

lease = client.lease(600)
client.put("py/leased", "6", lease=lease)
print(client.get("py/leased")[1].lease_id == lease.id, lease.granted_ttl, lease.keys)
print([answer.TTL for answer in lease.refresh()])
lease.revoke()
print(client.get("py/leased"))

seen = []
enough = threading.Event()


def on_event(response):
    for event in response.events:
        seen.append((type(event).__name__, event.key, event.value, event.mod_revision))
    if len(seen) >= 3:
        enough.set()


watch = client.add_watch_prefix_callback("py/w", on_event)
client.put("py/w1", "7")
client.put("py/w1", "8")
client.delete("py/w1")
print(enough.wait(10), seen)
client.cancel_watch(watch)

with client.lock("mutex", ttl=10) as lock:
    print(lock.is_acquired())
print(client.get("/locks/mutex"))

print(client.delete("py/a"), client.delete("py/a"), client.delete_prefix("py/").deleted)
try:
    client.compact(10**6)
except Exception as error:
    print(type(error).__name__, error.details() if hasattr(error, "details") else error)
client.compact(3)
print([member.name for member in client.members], list(client.list_alarms()))

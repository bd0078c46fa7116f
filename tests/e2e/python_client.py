"""What users of python3-kubernetes do in a Pod. Argument: the kubeconfig. The Pods are those of clients.test.ts."""

import json
import sys

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import portforward, stream

config.load_kube_config(sys.argv[1])
core = client.CoreV1Api()
namespace = "default"
checks = 0


def equal(got, wanted):
    global checks
    checks += 1
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def execute(*command, **options):
    options = {"stderr": True, "stdin": False, "stdout": True, "tty": False, **options}
    return stream(core.connect_get_namespaced_pod_exec, "shell", namespace, command=list(command), **options)


equal(execute("echo", "hello"), "hello\n")
equal(execute("sh", "-c", "echo out; echo err >&2", stderr=False), "out\n")

talk = execute("sh", stdin=True, _preload_content=False)
talk.write_stdin("echo one; echo two >&2\n")
equal(talk.readline_stdout(timeout=10), "one")
equal(talk.readline_stderr(timeout=10), "two")
talk.write_stdin("exit 3\n")
talk.run_forever(timeout=10)
equal(talk.is_open(), False)
equal(talk.returncode, 3)
talk.close()

try:
    stream(core.connect_get_namespaced_pod_exec, "absent", namespace, command=["true"], stdout=True)
    equal("success", "failure")
except ApiException as error:
    equal("404" in str(error.reason), True)

equal(core.read_namespaced_pod_log("shell", namespace, limit_bytes=8), "started\n")
log = core.read_namespaced_pod_log("shell", namespace, follow=True, _preload_content=False)
lines = []
for line in log.stream(decode_content=False):
    lines += line.decode().split("\n")
    if len(lines) > 5:
        break
log.close()
equal(lines[0], "started")
try:
    core.read_namespaced_pod_log("shell", namespace, container="none")
    equal("success", "failure")
except ApiException as error:
    equal((error.status, json.loads(error.body)["message"]), (400, "container none is not valid for pod shell"))

forwarded = portforward(core.connect_get_namespaced_pod_portforward, "web", namespace, ports="80")
socket = forwarded.socket(80)
socket.setblocking(True)
socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
answer = b""
while b"web v1\n" not in answer:
    chunk = socket.recv(1024)
    if not chunk:
        break
    answer += chunk
socket.close()
equal(answer.split(b"\r\n")[0].endswith(b"200 OK"), True)
equal(answer.endswith(b"web v1\n"), True)
equal(forwarded.error(80), None)

equal(core.connect_get_namespaced_pod_proxy_with_path("web", namespace, path="index.html"), "web v1\n")
print(f"passed {checks} checks")

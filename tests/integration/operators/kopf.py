"""What kopf, the Python operator framework, does to a cluster, with python3-kubernetes. Argument: kubeconfig.

kopf itself is not in Debian: these are its requests, in its order: peering by a custom resource, a watch from a
resourceVersion with no list between, a finalizer, progress and the last handled state in annotations and status,
events, deletion, and a new list when the watch is too old.
"""

import json
import sys
import tempfile
import threading

tempfile.tempdir = tempfile.mkdtemp()

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

config.load_kube_config(sys.argv[1])
extensions, custom, core = client.ApiextensionsV1Api(), client.CustomObjectsApi(), client.CoreV1Api()
group, version, namespace = "kopf.example.com", "v1", "kopf"
finalizer = "kopf.zalando.org/KopfFinalizerMarker"
last_handled = "kopf.zalando.org/last-handled-configuration"
checks = 0


def equal(got, wanted):
    global checks
    checks += 1
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def definition(plural, kind, of_group, status):
    open_object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": open_object, "status": open_object}}
    if not status:
        schema["x-kubernetes-preserve-unknown-fields"] = True
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if status:
        served["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{of_group}"},
        "spec": {"scope": "Namespaced", "group": of_group, "names": {"kind": kind, "plural": plural}, "versions": [served]},
    }


def establish(body):
    extensions.create_custom_resource_definition(body)
    name = body["metadata"]["name"]
    for event in watch.Watch().stream(
        extensions.list_custom_resource_definition, field_selector=f"metadata.name={name}", timeout_seconds=20
    ):
        conditions = event["object"].status.conditions or []
        if any(condition.type == "Established" and condition.status == "True" for condition in conditions):
            return
    raise AssertionError(f"{name} was not established")


def args(plural="examples", of_group=group):
    return {"group": of_group, "version": version, "namespace": namespace, "plural": plural}


def patch(name, body, plural="examples", of_group=group, status=False):
    # kopf sends merge patches: this client does so for lists of content types that it finds first.
    call = custom.patch_namespaced_custom_object_status if status else custom.patch_namespaced_custom_object
    custom.api_client.set_default_header("Content-Type", "application/merge-patch+json")
    try:
        return call(name=name, body=body, **args(plural, of_group))
    finally:
        del custom.api_client.default_headers["Content-Type"]


def peering():
    """Operators tell each other that they live; who has the lower priority pauses."""
    establish(definition("kopfpeerings", "KopfPeering", "kopf.dev", False))
    body = {"apiVersion": f"kopf.dev/{version}", "kind": "KopfPeering", "metadata": {"name": "default"}}
    custom.create_namespaced_custom_object(body=body, **args("kopfpeerings", "kopf.dev"))
    me = {"priority": 100, "lifetime": 60, "lastseen": "2030-01-01T00:00:00.000000"}
    patch("default", {"status": {"me": me}}, "kopfpeerings", "kopf.dev")
    both = patch("default", {"status": {"other": {**me, "priority": 0}}}, "kopfpeerings", "kopf.dev")
    equal(sorted(both["status"]), ["me", "other"])
    one = patch("default", {"status": {"other": None}}, "kopfpeerings", "kopf.dev")
    equal(one["status"], {"me": me})


class Handler:
    """The loop of kopf's reactor: every event of the watch is handled in its turn, by patches alone."""

    def __init__(self, done):
        self.seen, self.done, self.watcher = [], done, watch.Watch()

    def run(self, since):
        stream = self.watcher.stream(
            custom.list_namespaced_custom_object, resource_version=since, timeout_seconds=30, **args()
        )
        for event in stream:
            self.seen.append(event["type"])
            self.handle(event["type"], event["object"])
            if self.done(event):
                self.watcher.stop()

    def handle(self, kind, body):
        metadata, name = body["metadata"], body["metadata"]["name"]
        finalizers = metadata.get("finalizers", [])
        if kind == "DELETED":
            return
        if "deletionTimestamp" in metadata:
            if finalizer in finalizers:
                self.event(body, "Normal", "Logging", "Handler 'delete_fn' succeeded.")
                patch(name, {"metadata": {"finalizers": [each for each in finalizers if each != finalizer]}})
            return
        if finalizer not in finalizers:
            patch(name, {"metadata": {"finalizers": [*finalizers, finalizer]}})
            return
        essence = json.dumps({"spec": body.get("spec", {})}, separators=(",", ":")) + "\n"
        annotations = metadata.get("annotations", {})
        if annotations.get(last_handled) == essence:
            return
        self.event(body, "Normal", "Logging", "Handler 'create_fn' succeeded.")
        # Two patches, as kopf sends them where status is a subresource.
        patch(name, {"metadata": {"annotations": {last_handled: essence}}})
        patch(name, {"status": {"kopf": {"progress": None}, "create_fn": {"size": body["spec"]["size"]}}}, status=True)

    def event(self, body, kind, reason, message):
        reference = {
            "apiVersion": body["apiVersion"],
            "kind": body["kind"],
            "name": body["metadata"]["name"],
            "uid": body["metadata"]["uid"],
            "namespace": namespace,
        }
        now = "2030-01-01T00:00:00.000000Z"
        core.create_namespaced_event(
            namespace,
            {
                "metadata": {"namespace": namespace, "generateName": "kopf-event-"},
                "action": "Action?",
                "type": kind,
                "reason": reason,
                "message": message,
                "reportingComponent": "kopf",
                "reportingInstance": "dev",
                "source": {"component": "kopf"},
                "involvedObject": reference,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "eventTime": now,
            },
        )


def life():
    establish(definition("examples", "KopfExample", group, True))
    since = custom.list_namespaced_custom_object(**args())["metadata"]["resourceVersion"]
    handler = Handler(lambda event: event["type"] == "DELETED")
    thread = threading.Thread(target=handler.run, args=(since,))
    thread.start()
    body = {"apiVersion": f"{group}/{version}", "kind": "KopfExample", "metadata": {"name": "one"}, "spec": {"size": 1}}
    custom.create_namespaced_custom_object(body=body, **args())
    until(lambda: read()["status"]["create_fn"]["size"] == 1)
    equal("kopf" in read()["status"] and "progress" in read()["status"]["kopf"], False)
    equal(read()["metadata"]["finalizers"], [finalizer])
    equal(json.loads(read()["metadata"]["annotations"][last_handled]), {"spec": {"size": 1}})
    patch("one", {"spec": {"size": 2}})
    until(lambda: read()["status"]["create_fn"]["size"] == 2)
    # A status in a patch of the object itself does nothing.
    patch("one", {"status": {"create_fn": {"size": 99}}})
    equal(read()["status"]["create_fn"]["size"], 2)
    custom.delete_namespaced_custom_object(name="one", **args())
    thread.join(30)
    equal(thread.is_alive(), False)
    equal((handler.seen[0], handler.seen[-1]), ("ADDED", "DELETED"))
    reasons = core.list_namespaced_event(namespace, field_selector="involvedObject.name=one").items
    equal(sorted({event.message for event in reasons}), ["Handler 'create_fn' succeeded.", "Handler 'delete_fn' succeeded."])
    equal(reasons[0].metadata.name.startswith("kopf-event-"), True)


def read():
    return custom.get_namespaced_custom_object(name="one", **args())


def until(condition):
    pause = threading.Event()
    for _ in range(600):
        try:
            if condition():
                return
        except (KeyError, ApiException):
            pass
        pause.wait(0.05)
    raise AssertionError("timed out")


def too_old():
    """A version that is gone: kopf lists again."""
    try:
        list(watch.Watch().stream(custom.list_namespaced_custom_object, resource_version="1", timeout_seconds=5, **args()))
    except ApiException as error:
        equal(error.status, 410)
        return
    raise AssertionError("a watch from the first version was not refused")


core.create_namespace({"metadata": {"name": namespace}})
for part in (peering, life, too_old):
    part()
print(f"passed {checks} checks")

"""What users of python3-kubernetes do. Arguments: kubeconfig, the part to run, a manifest of several documents."""

import datetime
import json
import os
import sys
import tempfile
import threading

# Its discovery cache goes to the temporary directory: every run is to have its own.
tempfile.tempdir = tempfile.mkdtemp()

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError, ResourceNotFoundError, UnprocessibleEntityError
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock

kubeconfig, part, manifest = sys.argv[1:4]
config.load_kube_config(kubeconfig)
namespace = "python-" + part
core, apps = client.CoreV1Api(), client.AppsV1Api()
core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
checks = 0


def equal(got, wanted):
    global checks
    checks += 1
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def refusal(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ApiException as error:
        status = json.loads(error.body)
        equal(status["code"], error.status)
        return status
    raise AssertionError("nothing was refused")


def config_map(name, labels=None, **data):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels), data=data)


def deployment(name, image="none:1"):
    container = client.V1Container(name="main", image=image, resources=client.V1ResourceRequirements(limits={"cpu": "1"}))
    return client.V1Deployment(
        api_version="apps/v1",
        kind="Deployment",
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1DeploymentSpec(
            replicas=0,
            selector=client.V1LabelSelector(match_labels={"app": name}),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels={"app": name}), spec=client.V1PodSpec(containers=[container])
            ),
        ),
    )


def typed():
    equal(client.VersionApi().get_code().minor, "36")
    equal("apps" in [group.name for group in client.ApisApi().get_api_versions().groups], True)
    created = apps.create_namespaced_deployment(namespace, deployment("web"))
    equal(isinstance(created.metadata.creation_timestamp, datetime.datetime), True)
    equal(created.spec.strategy.rolling_update.max_surge, "25%")
    equal(created.spec.template.spec.containers[0].resources.limits, {"cpu": "1"})
    created.spec.template.spec.containers[0].image = "none:2"
    replaced = apps.replace_namespaced_deployment("web", namespace, created)
    equal((replaced.metadata.generation, replaced.spec.template.spec.containers[0].image), (2, "none:2"))
    # Zero is left out.
    equal(apps.read_namespaced_deployment_scale("web", namespace).spec.replicas, None)
    everywhere = apps.list_deployment_for_all_namespaces(label_selector="!none", field_selector="metadata.name=web").items
    equal([item.metadata.namespace for item in everywhere].count(namespace), 1)
    equal(apps.delete_namespaced_deployment("web", namespace, propagation_policy="Background").status, "Success")

    core.create_namespaced_secret(namespace, client.V1Secret(metadata=client.V1ObjectMeta(name="s"), string_data={"a": "b"}))
    equal(core.read_namespaced_secret("s", namespace).data, {"a": "Yg=="})
    service = client.V1Service(
        metadata=client.V1ObjectMeta(name="svc"), spec=client.V1ServiceSpec(ports=[client.V1ServicePort(port=80)])
    )
    equal(core.create_namespaced_service(namespace, service).spec.ports[0].target_port, 80)
    cron = client.V1CronJob(
        metadata=client.V1ObjectMeta(name="c"),
        spec=client.V1CronJobSpec(
            schedule="@yearly",
            job_template=client.V1JobTemplateSpec(
                spec=client.V1JobSpec(
                    template=client.V1PodTemplateSpec(
                        spec=client.V1PodSpec(
                            restart_policy="Never", containers=[client.V1Container(name="c", image="none:1")]
                        )
                    )
                )
            ),
        ),
    )
    equal(client.BatchV1Api().create_namespaced_cron_job(namespace, cron).spec.suspend, False)
    for index in range(5):
        core.create_namespaced_config_map(namespace, config_map(f"p{index}", {"page": "y"}))
    names, token = [], None
    while token != "":
        page = core.list_namespaced_config_map(namespace, label_selector="page=y", limit=2, _continue=token or "")
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue or ""
    equal(names, ["p0", "p1", "p2", "p3", "p4"])
    equal(core.delete_collection_namespaced_config_map(namespace, label_selector="page=y").kind, "ConfigMapList")
    equal(core.list_namespaced_config_map(namespace, label_selector="page=y").items, [])
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=client.V1ResourceAttributes(verb="get", resource="pods"))
    )
    equal(client.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed, True)
    review = client.V1TokenReview(spec=client.V1TokenReviewSpec(token="nonsense"))
    equal(client.AuthenticationV1Api().create_token_review(review).status.authenticated, None)


def errors():
    absent = refusal(core.read_namespaced_pod, "absent", namespace)
    equal((absent["code"], absent["reason"]), (404, "NotFound"))
    core.create_namespaced_config_map(namespace, config_map("twice"))
    equal(refusal(core.create_namespaced_config_map, namespace, config_map("twice"))["reason"], "AlreadyExists")
    invalid = refusal(core.create_namespaced_config_map, namespace, config_map("Bad_Name", None, **{"a/b": "c"}))
    equal(sorted(cause["field"] for cause in invalid["details"]["causes"]), ["data[a/b]", "metadata.name"])
    stale = core.read_namespaced_config_map("twice", namespace)
    core.replace_namespaced_config_map("twice", namespace, config_map("twice", None, a="b"))
    equal(refusal(core.replace_namespaced_config_map, "twice", namespace, stale)["reason"], "Conflict")
    dry = core.create_namespaced_config_map(namespace, config_map("dry"), dry_run="All")
    equal(dry.metadata.name, "dry")
    equal(refusal(core.read_namespaced_config_map, "dry", namespace)["code"], 404)
    _, code, headers = core.create_namespaced_config_map_with_http_info(namespace, config_map("headers"))
    equal((code, headers["Content-Type"]), (201, "application/json"))


def patches():
    apps.create_namespaced_deployment(namespace, deployment("web"))

    def patch(body):
        return apps.patch_namespaced_deployment("web", namespace, body)

    # A list goes as JSON Patch, anything else as strategic merge.
    equal(patch([{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]).metadata.labels, {"a": "b"})
    containers = [{"name": "side", "image": "none:2"}]
    patched = patch({"spec": {"template": {"spec": {"containers": containers}}}})
    equal([container.name for container in patched.spec.template.spec.containers], ["side", "main"])
    containers = [{"$patch": "delete", "name": "side"}]
    patched = patch({"spec": {"template": {"spec": {"containers": containers}}}})
    equal([container.name for container in patched.spec.template.spec.containers], ["main"])
    equal(apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 2}}).spec.replicas, 2)
    equal(refusal(patch, [{"op": "test", "path": "/spec/replicas", "value": 9}])["code"], 422)
    equal(refusal(patch, {"spec": {"replicas": -1}})["reason"], "Invalid")
    body = {"status": {"conditions": [{"type": "Custom", "status": "True"}]}}
    conditions = apps.patch_namespaced_deployment_status("web", namespace, body).status.conditions
    equal("Custom" in [condition.type for condition in conditions], True)


def watches():
    first = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, config_map("a", {"w": "y"}))
    core.patch_namespaced_config_map("a", namespace, {"data": {"n": "1"}})
    core.delete_namespaced_config_map("a", namespace)
    seen, versions = [], []
    stream = watch.Watch()
    for event in stream.stream(
        core.list_namespaced_config_map, namespace, resource_version=first, label_selector="w=y", timeout_seconds=10
    ):
        seen.append((event["type"], event["object"].metadata.name, (event["object"].data or {}).get("n")))
        versions.append(event["object"].metadata.resource_version)
        if len(seen) == 3:
            stream.stop()
    equal(seen, [("ADDED", "a", None), ("MODIFIED", "a", "1"), ("DELETED", "a", "1")])
    # Goes on from the middle, and ends by itself.
    again = watch.Watch().stream(
        core.list_namespaced_config_map, namespace, resource_version=versions[0], label_selector="w=y", timeout_seconds=1
    )
    equal([event["type"] for event in again], ["MODIFIED", "DELETED"])
    # Comes again by itself after each end, from where it was.
    resumed = watch.Watch()
    timer = threading.Timer(2.5, lambda: core.create_namespaced_config_map(namespace, config_map("late", {"w": "y"})))
    timer.start()
    for event in resumed.stream(core.list_namespaced_config_map, namespace, label_selector="w=y", _request_timeout=30):
        equal((event["type"], event["object"].metadata.name), ("ADDED", "late"))
        resumed.stop()
    timer.join()
    try:
        list(watch.Watch().stream(core.list_namespaced_config_map, namespace, resource_version="1", timeout_seconds=5))
        equal("an end", "410")
    except ApiException as error:
        equal(error.status, 410)
    one = watch.Watch().stream(
        core.list_namespaced_config_map, namespace, field_selector="metadata.name=late", timeout_seconds=1
    )
    equal([(event["type"], event["raw_object"]["kind"]) for event in one], [("ADDED", "ConfigMap")])


def dynamic_client():
    cache = os.path.join(tempfile.mkdtemp(), "discovery.json")
    api = dynamic.DynamicClient(client.ApiClient(), cache_file=cache)
    maps = api.resources.get(api_version="v1", kind="ConfigMap")
    equal((maps.name, maps.namespaced, "cm" in maps.short_names), ("configmaps", True, True))
    maps.create(namespace=namespace, body={"metadata": {"name": "a"}, "data": {"k": "v"}})
    equal(maps.get(name="a", namespace=namespace).data.k, "v")
    equal(maps.patch(name="a", namespace=namespace, body={"data": {"k": "w"}}).data.k, "w")
    merge = "application/merge-patch+json"
    equal(maps.patch(name="a", namespace=namespace, body={"data": None}, content_type=merge).data, None)
    deployments = api.resources.get(api_version="apps/v1", kind="Deployment")


    def apply(image, **options):
        # This version sends text alone with this content type.
        body = json.dumps(client.ApiClient().sanitize_for_serialization(deployment("web", image)))
        content_type = "application/apply-patch+yaml"
        return deployments.patch(namespace=namespace, name="web", body=body, content_type=content_type, **options)

    equal(apply("none:1", field_manager="py").metadata.managedFields[0].manager, "py")
    try:
        apply("none:2", field_manager="other")
        equal("success", "a conflict")
    except ConflictError as error:
        equal((error.status, 'conflict with "py"' in json.loads(error.body)["message"]), (409, True))
    forced = apply("none:2", field_manager="other", force_conflicts=True)
    equal(forced.spec.template.spec.containers[0].image, "none:2")
    scale = deployments.scale.patch(
        name="web", namespace=namespace, body={"spec": {"replicas": 1}}, content_type=merge
    )
    equal((scale.kind, scale.spec.replicas), ("Scale", 1))
    seen = []
    for event in deployments.watch(namespace=namespace, timeout=1):
        seen.append((event["type"], event["object"].metadata.name))
    equal(seen[0], ("ADDED", "web"))
    for call, error in [
        (lambda: maps.get(name="absent", namespace=namespace), NotFoundError),
        (lambda: maps.create(namespace=namespace, body={"metadata": {"name": "B_"}}), UnprocessibleEntityError),
        (lambda: api.resources.get(api_version="nope/v1", kind="Nope"), ResourceNotFoundError),
    ]:
        try:
            call()
            equal("success", error)
        except error:
            pass
    equal(len(api.resources.search(kind="Event")) >= 2, True)
    equal(api.version["kubernetes"]["minor"], "36")
    # A second client reads what the first one has put aside.
    with open(cache) as file:
        equal("configmaps" in file.read(), True)
    second = dynamic.DynamicClient(client.ApiClient(), cache_file=cache)
    equal(second.resources.get(api_version="apps/v1", kind="StatefulSet").name, "statefulsets")
    equal(maps.delete(namespace=namespace, label_selector="x=y").kind, "ConfigMapList")


def yaml():
    created = utils.create_from_yaml(client.ApiClient(), manifest, verbose=False)
    equal(sorted(item.kind for group in created for item in group), ["Deployment", "Namespace", "Service"])
    try:
        utils.create_from_yaml(client.ApiClient(), manifest)
        equal("success", "failure")
    except utils.FailToCreateError as error:
        equal({failure.reason for failure in error.api_exceptions}, {"Conflict"})
    limits = apps.read_namespaced_deployment("any", "from-yaml").spec.template.spec.containers[0].resources.limits
    equal(utils.parse_quantity(limits["memory"]), 64 * 1024**2)
    core.delete_namespace("from-yaml")


def election():
    led = []
    lock = ConfigMapLock("leader", namespace, "me")

    def started():
        annotations = core.read_namespaced_config_map("leader", namespace).metadata.annotations
        led.append(json.loads(annotations["control-plane.alpha.kubernetes.io/leader"])["holderIdentity"])
        os.write(1, f"passed {len(led)} checks\n".encode())
        os._exit(0 if led == ["me"] else 1)

    times = dict(lease_duration=5, renew_deadline=3, retry_period=1)
    leaderelection.LeaderElection(
        electionconfig.Config(lock, onstarted_leading=started, onstopped_leading=None, **times)
    ).run()


{
    "typed": typed,
    "errors": errors,
    "patches": patches,
    "watches": watches,
    "dynamic": dynamic_client,
    "yaml": yaml,
    "election": election,
}[part]()
print(f"passed {checks} checks")

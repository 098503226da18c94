"""Through Secrets: one Airflow that mounts them, with our backend, one with stock KubernetesSecretsBackend."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import directory
import screen
import yaml
from both import NOT_LINKED, compared, conclude, refused, renewed
from live import LiveAirflow
from stage import PLANTED, SAMPLES, Failed, Stage

from servers import kubernetes
from servers.kubernetes import objects
from servers.kubernetes.kubelet import Mount, project

READS_BY = {"etl-dev": "files that are mounted", "etl-prod": "stock KubernetesSecretsBackend"}
AFTER = {"etl-dev": directory.BEFORE["etl-dev"], "etl-prod": directory.BEFORE["etl-prod"] | {"schema": "reporting"}}

_RBAC, _SYNCD = "rbac.authorization.k8s.io", "airflow-sync"
_ALL = ["get", "list", "create", "update", "delete"]
_LOOK = "python -m airflow_plugin warehouse"


class Pods:
    """The pods of the deployments, as the kubelet would keep them: their folders, and how to bring them up to date."""

    def __init__(self, server: kubernetes.Kubernetes, stage: Stage) -> None:
        self.server = server
        (self._pod,) = objects.apply(server, [_read("pod.yaml")])
        self.folder = stage.folder / "etl-dev" / "connections"
        stage.belongs.append(self.folder)

    def mount(self) -> None:
        """At the pod's start."""
        self._mount = Mount(self.folder)
        self.refresh()

    def refresh(self) -> None:
        """What the kubelet does by itself, within a minute or so."""
        project(self.server, self._pod, "connections", self._mount)
        screen.held("the kubelet has brought up to date what etl-dev mounts (within a minute; here it is told to)")
        screen.gap()


def tell(stage: Stage) -> None:
    """Raises Failed where anything isn't as it must be."""
    began = time.monotonic()
    screen.title(
        "Secrets, two live Airflows: mounted, and by stock KubernetesSecretsBackend",
        "A real API server with RBAC; the kubelet's part is done by hand. Every file shown is in dev/samples.",
    )
    with screen.waiting("Kubernetes is starting"):
        server = _start(stage)
    local = Path(__file__).with_name("in_a_pod.py")
    airflows = {
        name: LiveAirflow(stage, name, SAMPLES / "kubernetes" / f"{name}.cfg", local if name == "etl-prod" else None)
        for name in READS_BY
    }
    _define(stage)
    pods = _grant(stage, server)
    _sync(stage, pods)
    _confined(stage, server)
    said = {"synced": _run(stage, airflows), "rotated": _rotate(stage, pods, airflows)}
    said["API server away"] = _take_away(stage, server, airflows)
    said["back, synced"] = _bring_back(stage, pods, airflows)
    said["unlinked"] = _unlink(stage, pods, airflows)
    conclude(stage, airflows, said, READS_BY, "or in Airflow's databases", time.monotonic() - began)


def _start(stage: Stage) -> kubernetes.Kubernetes:
    server = stage.at_end.enter_context(kubernetes.running())
    shutil.copy(server.ca, stage.home / "kubernetes-ca.pem")
    address = urlsplit(server.url)
    stage.environ |= {
        "KUBERNETES_URL": server.url,
        "KUBERNETES_SERVICE_HOST": str(address.hostname),  # as every pod is told it
        "KUBERNETES_SERVICE_PORT": str(address.port),
        "SERVICE_ACCOUNT": str(stage.folder / "serviceaccount"),
        "DEPLOYMENTS": str(stage.folder),
    }
    return server


def _define(stage: Stage) -> None:
    screen.step("Define it once", "As for any target; only where its documents go is another one.")
    screen.command(f"export SYNCD_HOME={stage.home} KUBERNETES_URL={stage.environ['KUBERNETES_URL']}")
    screen.command("export WAREHOUSE_PASSWORD=•••  SLACK_TOKEN=•••")
    stage.run(
        'sed "s|https://127.0.0.1:6443|$KUBERNETES_URL|" kubernetes/syncd.toml >$SYNCD_HOME/syncd.toml; syncd init'
    )
    stage.run(
        'sed "s/dev-files/pods/; s/prod-files/pods-plain/" definitions/analytics.yaml >$SYNCD_HOME/analytics.yaml\n'
        "syncd apply -f $SYNCD_HOME/analytics.yaml --yes | tail -n 1    # it lists every edit first"
    )


def _grant(stage: Stage, server: kubernetes.Kubernetes) -> Pods:
    screen.step("Grant it", "An administrator, once. A namespace is the boundary: one per deployment.")
    for namespace in (_SYNCD, *READS_BY):
        objects.namespace(server, namespace)
    objects.service_account(server, _SYNCD, "syncd")
    for namespace in READS_BY:
        _bind(server, namespace, "syncd", _SYNCD, {"verbs": _ALL})
    token = stage.home / "kubernetes-token"
    token.touch(mode=0o600)
    token.write_text(objects.token(server, _SYNCD, "syncd"))
    screen.held(f"syncd may {', '.join(_ALL)} Secrets in etl-dev and etl-prod, and nothing else")
    _account(server, "etl-prod", stage.folder / "etl-prod" / "serviceaccount", {"verbs": ["list"]})
    screen.held("etl-prod's workers may list those of etl-prod: stock KubernetesSecretsBackend asks by label")
    names = [f"analytics.etl-dev.{number}" for number in range(4)]
    _account(server, "etl-dev", Path(stage.environ["SERVICE_ACCOUNT"]), {"verbs": ["get"], "resourceNames": names})
    screen.held("a worker of etl-dev that reads through the API may get its four by name")
    pods = Pods(server, stage)
    screen.held("etl-dev's workers, which mount them, may do nothing: their pod has no token")
    screen.gap()
    return pods


def _account(server: kubernetes.Kubernetes, namespace: str, folder: Path, rule: Mapping[str, Any]) -> None:
    """What the kubelet mounts in a pod whose account may do this with Secrets."""
    objects.service_account(server, namespace, "worker")
    _bind(server, namespace, "worker", namespace, rule)
    folder.mkdir()
    shutil.copy(server.ca, folder / "ca.crt")
    (folder / "token").write_text(objects.token(server, namespace, "worker"))


def _bind(server: kubernetes.Kubernetes, namespace: str, account: str, of: str, rule: Mapping[str, Any]) -> None:
    meta = {"namespace": namespace, "name": account}
    objects.apply(
        server,
        [
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": "Role",
                "metadata": meta,
                "rules": [{"apiGroups": [""], "resources": ["secrets"], **rule}],
            },
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": meta,
                "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": account},
                "subjects": [{"kind": "ServiceAccount", "namespace": of, "name": account}],
            },
        ],
    )


def _sync(stage: Stage, pods: Pods) -> None:
    screen.step("Sync", "etl-dev gets layers in four Secrets; etl-prod a Secret for each connection.")
    stage.run("syncd sync")
    for namespace in READS_BY:
        screen.excerpt(f"Secrets in namespace {namespace}", "\n".join(map(_line, _secrets(pods.server, namespace))))
    screen.excerpt("kubernetes/pod.yaml, its volume", _text("pod.yaml").partition("  volumes:\n")[2])
    pods.mount()
    stage.run("ls -A $DEPLOYMENTS/etl-dev/connections")


def _line(secret: Mapping[str, Any]) -> str:
    labels = [f"{key}={value}" for key, value in secret["metadata"]["labels"].items() if key.startswith("airflow.")]
    return f"  {secret['metadata']['name']}: {', '.join(labels or sorted(secret['data']))}"


def _confined(stage: Stage, server: kubernetes.Kubernetes) -> None:
    for name, token in (
        ("syncd", stage.home / "kubernetes-token"),
        ("etl-prod", stage.folder / "etl-prod" / "serviceaccount" / "token"),
        ("etl-dev", Path(stage.environ["SERVICE_ACCOUNT"]) / "token"),
    ):
        who = server.bearer(token.read_text())
        found = [who.call("GET", f"/api/v1/namespaces/{one}/secrets").status for one in (*READS_BY, _SYNCD)]
        if found != {"syncd": [200, 200, 403], "etl-prod": [403, 200, 403], "etl-dev": [403, 403, 403]}[name]:
            raise Failed(f"{name}'s account lists the Secrets of etl-dev, etl-prod and {_SYNCD} with {found}")
    screen.held("nobody lists the Secrets of a namespace that isn't theirs: 403")
    screen.gap()


def _run(stage: Stage, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, str]:
    screen.step("Run one DAG on both", "The same file; only their airflow.cfg differs.")
    for name in (*airflows, "etl-dev-api"):
        screen.excerpt(f"kubernetes/{name}.cfg", _text(f"{name}.cfg"))
    with screen.waiting("both Airflows are starting"):
        seconds = max(airflow.wait_until_ready() for airflow in airflows.values())
    screen.held(f"both are up, {seconds:.0f} s after they were started")
    said = compared(stage, airflows, directory.BEFORE)
    screen.quoted("A worker of etl-dev that mounts nothing:", "it asks the API for the one Secret that it needs.")
    _look(stage, "password            •••", whole=True)
    return said


def _rotate(stage: Stage, pods: Pods, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, str]:
    screen.step("Rotate both passwords", "A reference is read at each pass: nothing is edited.")
    screen.command("export WAREHOUSE_PASSWORD=•••; echo ••• >$SYNCD_HOME/secrets/warehouse")
    stage.rotate()
    stage.run("syncd sync")
    pods.refresh()
    said = compared(stage, airflows, directory.BEFORE)
    texts = [text for name in READS_BY for secret in _secrets(pods.server, name) for text in _values(secret)]
    if set(re.findall(f"{PLANTED}[0-9a-f]*", "".join(texts))) != set(stage.secrets.values()):
        raise Failed("what was replaced still stands in a Secret")
    screen.held("no Secret holds a password that was replaced")
    screen.gap()
    return renewed(said)


def _take_away(stage: Stage, server: kubernetes.Kubernetes, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, str]:
    screen.step("Stop the API server in the middle of a change", "Nobody can read or write. Who notices?")
    stage.run("syncd override set warehouse --deployment etl-prod schema=reporting")
    with screen.waiting("the API server ends"):
        server.apiserver.stop()
    stage.run('syncd sync || echo "exit code $?"')
    mounted = renewed(compared(stage, {"etl-dev": airflows["etl-dev"]}, directory.BEFORE))
    said = refused({"etl-prod": airflows["etl-prod"]}, {"etl-prod": NOT_LINKED}, READS_BY)
    _look(stage, "refuses the connection")
    return {**mounted, **said}


def _bring_back(stage: Stage, pods: Pods, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, str]:
    screen.step("Start it again", "Nothing else is restarted, and nothing is left to repair.")
    with screen.waiting("the API server starts"):
        pods.server.apiserver.start()
    stage.run("syncd sync")
    pods.refresh()
    return renewed(compared(stage, airflows, AFTER))


def _unlink(stage: Stage, pods: Pods, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, str]:
    screen.step("Unlink it", "What isn't linked is a miss, for all.")
    stage.run("syncd unlink etl-dev warehouse; syncd unlink etl-prod warehouse")
    stage.run("syncd sync")
    pods.refresh()
    said = refused(airflows, dict.fromkeys(airflows, NOT_LINKED), READS_BY)
    _look(stage, "connection warehouse  isn't linked")
    return said


def _look(stage: Stage, expected: str, *, whole: bool = False) -> None:
    """What a worker says that reads through the API; of its settings only where the whole is wanted."""
    environ = {
        **stage.environ,
        "AIRFLOW_HOME": str(stage.folder / "look"),
        "AIRFLOW_CONFIG": str(SAMPLES / "kubernetes" / "etl-dev-api.cfg"),
    }
    screen.command(_LOOK if whole else f"{_LOOK}    # its end")
    command = [str(stage.airflow / "python"), *_LOOK.split()[1:]]
    said = stage.start(command, environ, stage.folder, subprocess.PIPE).communicate()[0].decode()
    if expected not in said:
        raise Failed(f"a worker that reads through the API says something else: {said}")
    at = 0 if whole else min(at for word in ("problem", "connection ") if (at := said.find(f"\n{word}")) >= 0)
    screen.output(said[at:].strip())


def _secrets(server: kubernetes.Kubernetes, namespace: str) -> list[Any]:
    found = server.done("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"]
    return sorted(found, key=lambda secret: str(secret["metadata"]["name"]))


def _values(secret: Mapping[str, Any]) -> list[str]:
    return [base64.b64decode(text).decode() for text in secret["data"].values()]


def _read(name: str) -> Any:
    return yaml.safe_load(_text(name))


def _text(name: str) -> str:
    return (SAMPLES / "kubernetes" / name).read_text("utf-8")

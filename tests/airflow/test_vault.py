"""The backend over a real Vault, with a login that may do what `syncd policies` prints and nothing else."""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")
from servers import vault
from syncd.core.model import Key
from tests.airflow.broken import Broken
from tests.airflow.documents import SECRET, WAREHOUSE, connection, sample, variable
from tests.airflow.processes import environment, python
from tests.airflow.releases import CHAIN_STOPS
from tests.airflow.vaults import MOUNT, Audit, Between, Vaulted, audited, done

pytestmark = [pytest.mark.airflow, pytest.mark.vault]

_numbers = count(1)
NEXT = {"backend": f"{__name__}.Next"}
TRAP = {"backend": f"{__name__}.Trap"}


class Next:
    """The backend after ours: it has everything."""

    def get_conn_value(self, conn_id: str) -> str:
        return '{"conn_type": "next"}'

    def get_variable(self, key: str) -> str:
        return "next"


class Trap:
    """A backend that nobody must ask."""

    def get_conn_value(self, conn_id: str) -> str:
        raise AssertionError("asked")

    get_variable = get_conn_value


@pytest.fixture
def vaulted(vault_server: vault.Vault) -> Vaulted:
    """The sample workspace, synced into a place of this test's own."""
    return Vaulted(vault_server, sample(), f"p{next(_numbers)}").sync()


@pytest.fixture
def token(vaulted: Vaulted) -> str:
    return vaulted.token()


@pytest.fixture
def ours(backend: type[Any], vaulted: Vaulted, token: str) -> Any:
    """The backend of `etl-dev`."""
    return backend(**vaulted.kwargs(token=token))


@pytest.fixture
def audit(vault_server: vault.Vault, vaulted: Vaulted, tmp_path: Path) -> Iterator[Audit]:
    """What Vault is asked from now on."""
    with audited(vault_server, tmp_path / "audit.log"):
        yield Audit(tmp_path / "audit.log", vaulted.prefix)


@pytest.fixture
def between(vault_server: vault.Vault) -> Iterator[Between]:
    network = Between(vault_server)
    yield network
    network.go()


class Clock:
    """What the source takes for the time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    from syncd.sources.answers import Times

    made = Clock()
    monkeypatch.setattr(Times.__new__, "__defaults__", (made,))
    return made


def found(backend: Any, conn_id: str = "warehouse") -> Any:
    value = backend.get_conn_value(conn_id)
    return None if value is None else json.loads(value)


def told(backend: Any, conn_id: str = "warehouse") -> str:
    """The error of a lookup, which stops the chain where it can be stopped."""
    with pytest.raises(Exception, match="can't be had") as raised:
        backend.get_conn_value(conn_id)
    if CHAIN_STOPS:
        from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied

        assert raised.type is AirflowSecretsBackendAccessDenied
    assert raised.value.__context__ is None
    return str(raised.value)


# What it finds


def test_a_connection_is_its_layers_merged(ours: Any) -> None:
    assert found(ours) == WAREHOUSE


def test_a_variable_is_its_text(ours: Any) -> None:
    assert (ours.get_variable("region"), ours.get_variable("empty")) == ("eu-west-1", "")


def test_an_id_of_any_characters_is_found(ours: Any) -> None:
    assert found(ours, "Lake/é")["description"] == "é"


def test_a_role_as_syncd_policies_prints_it_finds_them_as_well(backend: type[Any], vaulted: Vaulted) -> None:
    ours = backend(**vaulted.kwargs(**vaulted.approle()))

    assert found(ours) == WAREHOUSE
    assert ours.get_variable("region") == "eu-west-1"


def test_the_local_layer_lies_on_top(backend: type[Any], vaulted: Vaulted, token: str) -> None:
    local = {"connections": {"warehouse": {"host": "localhost"}}, "variables": {"region": {"value": "here"}}}
    ours = backend(**vaulted.kwargs(token=token, local=local))

    assert found(ours) == {**WAREHOUSE, "host": "localhost"}
    assert ours.get_variable("region") == "here"


def test_what_is_not_linked_is_a_miss_and_the_next_backend_is_asked(
    backend: type[Any], vaulted: Vaulted, token: str
) -> None:
    alone = backend(**vaulted.kwargs(token=token))
    followed = backend(**vaulted.kwargs(token=token, next=NEXT))

    assert (alone.get_conn_value("theirs"), alone.get_variable("theirs")) == (None, None)
    assert (found(followed, "theirs"), followed.get_variable("theirs")) == ({"conn_type": "next"}, "next")


def test_what_was_removed_is_a_miss_although_a_tombstone_lies_there(ours: Any, vaulted: Vaulted) -> None:
    assert found(ours) == WAREHOUSE
    vaulted.drop(Key("connection", "warehouse"))
    vaulted.drop(Key("variable", "region"))

    assert vaulted.read("connections/warehouse")["removed"] is True
    assert (ours.get_conn_value("warehouse"), ours.get_variable("region")) == (None, None)


def test_what_somebody_deleted_is_an_error_and_no_miss(vaulted: Vaulted, ours: Any) -> None:
    done(vaulted.server, "DELETE", f"{vaulted.mount}/data/{vaulted.path('connections/warehouse')}")

    assert "was deleted by somebody; let `syncd sync` write it again" in told(ours)


def test_what_comes_back_is_found_again(ours: Any, vaulted: Vaulted) -> None:
    vaulted.drop(Key("connection", "warehouse"))
    assert found(ours) is None

    vaulted.put(connection("warehouse", host="back"))

    assert found(ours)["host"] == "back"


def test_a_rotation_is_seen_at_the_next_lookup(ours: Any, vaulted: Vaulted) -> None:
    for password in ("one", "two", "three"):
        vaulted.put(connection("warehouse", password=password))

        assert found(ours)["password"] == password


# What is broken is an error, and never "not linked"


BROKEN = Broken[Vaulted]()
broken = BROKEN.add


@broken("another deployment's path", "deployments/etl-prod/connections/torn: Vault refuses it; grant it to this login")
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"deployment": "etl-prod"}


@broken("a token that may do nothing", "connections/torn: Vault refuses it; grant it to this login")
def _(vaulted: Vaulted) -> dict[str, Any]:
    done(vaulted.server, "DELETE", f"sys/policies/acl/{vaulted.grants()['etl-dev'].name}")
    return {}


@broken("a token that is none", "connections/torn: Vault refuses it")
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"token": f"{SECRET}-token"}


@broken("a secret id that is none", "login approle at auth/approle: Vault refuses it (400); check its role and")
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"token": None, **vaulted.approle(), "secret_id": f"{SECRET}-secret-id"}


@broken("a login that isn't enabled", "login jwt at auth/nowhere: Vault refuses it (403)")
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"auth_type": "jwt", "jwt_role": "x", "jwt_token": f"{SECRET}-jwt", "auth_mount_point": "nowhere"}


@broken("no nameplate", "has no nameplate, neither at")
def _(vaulted: Vaulted) -> None:
    for name in ("connections/torn", "nameplate"):
        done(vaulted.server, "DELETE", f"{MOUNT}/metadata/{vaulted.path(name)}")


@broken("a mount that isn't there", "mount nowhere: isn't there")
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"mount_point": "nowhere", "token": vaulted.server.root_token}


@broken("a mount that this token may do nothing in", "nowhere/")
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"mount_point": "nowhere"}


@broken("a mount of KV version 1", "mount old: is KV version 1, and has to be KV version 2")
def _(vaulted: Vaulted) -> dict[str, Any]:
    vaulted.server.call("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
    return {"mount_point": "old", "token": Vaulted(vaulted.server, sample(), vaulted.prefix, mount="old").token()}


@broken("a mount of something else", "mount keys: is")
def _(vaulted: Vaulted) -> dict[str, Any]:
    vaulted.server.call("POST", "sys/mounts/keys", {"type": "transit"})
    return {"mount_point": "keys", "token": vaulted.server.root_token}


@broken("nobody there", "http://127.0.0.1:9: refuses the connection; is it running, and is the address right?")
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"url": "http://127.0.0.1:9"}


@broken("a name that nobody has", "http://vault.invalid:8200: has no address")
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"url": "http://vault.invalid:8200"}


@broken(
    "an authority's file that isn't there", "/nowhere/ca.pem: isn't there; `verify` names the file of the authority"
)
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"url": "https://127.0.0.1:9", "verify": "/nowhere/ca.pem"}


@broken(
    "a certificate that is none", f"{__file__}: holds no certificate in PEM; `cert` names the file of a certificate"
)
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"url": "https://127.0.0.1:9", "cert": __file__}


@broken("too many requests", "Vault: asks for fewer requests")
def _(vaulted: Vaulted) -> None:
    limit: dict[str, Any] = {"path": f"{MOUNT}/data/{vaulted.path('connections/torn')}", "rate": 1, "interval": "1h"}
    path = f"sys/quotas/rate-limit/{vaulted.prefix}"
    done(vaulted.server, "POST", path, limit)
    while vaulted.server.call("GET", limit["path"]).status != 429:
        pass


@broken("a document of no format", "is no document of ours")
def _(vaulted: Vaulted) -> None:
    vaulted.write("connections/torn", {"password": SECRET})


@broken("a document of a later format", "has format 99, and this release reads 1; upgrade")
def _(vaulted: Vaulted) -> None:
    vaulted.write("connections/torn", {**vaulted.read("connections/torn"), "format": 99})


@broken("layers that are a text", "its layers can't be read")
def _(vaulted: Vaulted) -> None:
    vaulted.write("connections/torn", {**vaulted.read("connections/torn"), "layers": SECRET})


@broken("a port that is a text", "port: a whole number is wanted here")
def _(vaulted: Vaulted) -> None:
    document = vaulted.read("connections/torn")
    document["layers"]["definition"]["port"] = SECRET
    vaulted.write("connections/torn", document)


@broken("the nameplate of another deployment", "is the nameplate of another deployment, not of etl-dev")
def _(vaulted: Vaulted) -> None:
    done(vaulted.server, "DELETE", f"{MOUNT}/metadata/{vaulted.path('connections/torn')}")
    vaulted.write("nameplate", {**vaulted.read("nameplate"), "deployment": "etl-prod"})


@broken("a document of another workspace", "is of another workspace, not of other")
def _(vaulted: Vaulted) -> dict[str, Any]:
    return {"workspace": "other"}


@pytest.fixture(params=BROKEN)
def case(request: pytest.FixtureRequest, backend: type[Any], vaulted: Vaulted, token: str) -> Iterator[tuple[Any, str]]:
    """A backend over something broken, with a trap behind it; and a part of its error."""
    break_, error = BROKEN[request.param]
    yield backend(**vaulted.kwargs(**{"token": token, "next": TRAP, **(break_(vaulted) or {})})), error
    vaulted.server.call("DELETE", f"sys/quotas/rate-limit/{vaulted.prefix}")


def test_what_is_broken_is_an_error_that_stops_the_chain(
    case: tuple[Any, str], caplog: pytest.LogCaptureFixture
) -> None:
    ours, error = case

    assert error in told(ours, "torn")
    (record,) = [record for record in caplog.records if record.name.startswith("airflow_plugin")]
    assert record.levelno == logging.ERROR
    assert error in record.getMessage()


def test_no_error_shows_a_value_or_a_credential_not_even_in_a_traceback_with_locals(
    case: tuple[Any, str], caplog: pytest.LogCaptureFixture
) -> None:
    ours, _ = case

    with pytest.raises(Exception, match="can't be had") as raised:
        ours.get_connection("torn")

    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    for secret in (SECRET, *(str(ours.kwargs.get(name) or SECRET) for name in ("token", "secret_id", "jwt_token"))):
        assert secret not in shown
        assert secret not in caplog.text


@pytest.fixture(scope="module")
def sealable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[vault.Raft]:
    """A Vault with TLS, to be sealed."""
    with vault.raft(tmp_path_factory.mktemp("raft")) as raft:
        raft.initialise()
        raft.unseal()
        done(raft.vault, "POST", f"sys/mounts/{MOUNT}", {"type": "kv", "options": {"version": "2"}})
        yield raft


@pytest.fixture
def vaulted_over_tls(sealable: vault.Raft) -> Vaulted:
    return Vaulted(sealable.vault, sample(), f"p{next(_numbers)}").sync()


@pytest.mark.slow
def test_a_sealed_vault_is_an_error_that_says_so(
    backend: type[Any], vaulted_over_tls: Vaulted, sealable: vault.Raft
) -> None:
    ours = backend(**vaulted_over_tls.kwargs(token=vaulted_over_tls.token(), next=TRAP))
    assert found(ours) == WAREHOUSE
    sealable.seal()
    try:
        assert "Vault: is sealed; unseal it" in told(ours)
    finally:
        sealable.unseal()


@pytest.mark.slow
def test_while_vault_is_sealed_what_was_read_is_given_where_that_is_allowed(
    backend: type[Any], vaulted_over_tls: Vaulted, sealable: vault.Raft, caplog: pytest.LogCaptureFixture
) -> None:
    ours = backend(**vaulted_over_tls.kwargs(token=vaulted_over_tls.token(), max_stale=60, next=TRAP))
    assert found(ours) == WAREHOUSE
    sealable.seal()
    try:
        assert found(ours) == WAREHOUSE
        assert "Vault: is sealed; unseal it; using what was read" in caplog.text
    finally:
        sealable.unseal()


@pytest.mark.slow
def test_an_authority_that_is_not_trusted_is_an_error_that_says_so(
    backend: type[Any], vaulted_over_tls: Vaulted
) -> None:
    ours = backend(**vaulted_over_tls.kwargs(token=vaulted_over_tls.token(), verify=True, next=TRAP))

    assert "its certificate isn't trusted" in told(ours)


# What it costs


def test_a_hit_is_one_read_and_a_miss_is_two(ours: Any, audit: Audit) -> None:
    assert found(ours) == WAREHOUSE
    assert audit.asked() == ["warehouse"]
    audit.forget()

    assert found(ours, "theirs") is None
    assert audit.asked() == ["theirs", "nameplate"]


def test_a_process_logs_in_once_whatever_backends_it_makes(backend: type[Any], vaulted: Vaulted, audit: Audit) -> None:
    kwargs = vaulted.kwargs(**vaulted.approle())
    audit.forget()

    for _ in range(3):
        assert found(backend(**kwargs)) == WAREHOUSE
        assert backend(**kwargs).get_variable("region") == "eu-west-1"

    assert audit.asked().count("login") == 1


def test_a_forked_child_logs_in_itself(backend: type[Any], vaulted: Vaulted, audit: Audit) -> None:
    ours = backend(**vaulted.kwargs(**vaulted.approle()))
    assert found(ours) == WAREHOUSE
    audit.forget()

    child = os.fork()
    if not child:
        os._exit(0 if found(ours) == WAREHOUSE else 1)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert audit.asked() == ["login", "warehouse"]
    assert found(ours) == WAREHOUSE
    assert audit.asked().count("login") == 1


def test_for_five_seconds_an_answer_is_kept_unless_it_is_said_otherwise(
    backend: type[Any], vaulted: Vaulted, token: str, audit: Audit, clock: Clock
) -> None:
    ours = backend(**vaulted.kwargs(token=token, cache_ttl=None))
    for passed, reads in ((0.0, 1), (4.9, 1), (0.2, 2)):
        clock.now += passed
        assert found(ours) == WAREHOUSE
        assert audit.asked() == ["warehouse"] * reads


def test_that_something_is_not_linked_is_kept_as_well(
    backend: type[Any], vaulted: Vaulted, token: str, audit: Audit
) -> None:
    ours = backend(**vaulted.kwargs(token=token, cache_ttl=60))
    for _ in range(3):
        assert found(ours, "theirs") is None
        assert found(ours, "nonesuch") is None

    assert audit.asked() == ["theirs", "nameplate", "nonesuch"]


LAZY = """
import json, sys
import airflow.configuration, airflow.secrets
before = set(sys.modules)
from airflow_plugin import SharedConnectionsBackend
backend = SharedConnectionsBackend(**json.loads(sys.argv[1]))
made = set(sys.modules) - before
assert backend.get_conn_value("warehouse")
looked = set(sys.modules) - before
libraries = lambda names: sorted({"hvac", "requests", "syncd"} & {name.partition(".")[0] for name in names})
print(json.dumps([libraries(made), "hvac" in looked, "syncd.targets" in looked]))
"""


@pytest.mark.slow
def test_nothing_of_vault_is_imported_before_the_first_lookup_and_hvac_never(
    vaulted: Vaulted, token: str, tmp_path: Path
) -> None:
    env = environment(tmp_path, {}, AIRFLOW__SECRETS__BACKEND="")

    assert python(LAZY, json.dumps(vaulted.kwargs(token=token)), env=env) == [[], False, False]


WITHOUT = """
import json, sys
sys.modules["hvac"] = None
from airflow_plugin import SharedConnectionsBackend
print(json.dumps(json.loads(SharedConnectionsBackend(**json.loads(sys.argv[1])).get_conn_value("warehouse"))))
"""


@pytest.mark.slow
def test_an_airflow_without_hvac_finds_everything_too(vaulted: Vaulted, token: str, tmp_path: Path) -> None:
    env = environment(tmp_path, {}, AIRFLOW__SECRETS__BACKEND="")

    assert python(WITHOUT, json.dumps(vaulted.kwargs(token=token)), env=env) == WAREHOUSE


# When Vault is away


@pytest.fixture
def away(backend: type[Any], vaulted: Vaulted, token: str, between: Between, clock: Clock) -> Callable[..., Any]:
    """Makes a backend that has looked once, before Vault went away."""

    def make(**more: Any) -> Any:
        ours = backend(**vaulted.kwargs(token=token, url=between.url, next=TRAP, **more))
        assert found(ours) == WAREHOUSE
        between.go()
        return ours

    return make


def test_nothing_stale_is_given_unless_it_is_allowed(away: Callable[..., Any]) -> None:
    assert "refuses the connection" in told(away())


def test_what_was_read_is_given_while_vault_is_away_and_each_time_a_warning_says_so(
    away: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    ours = away(max_stale=60)

    for times in (1, 2):
        assert found(ours) == WAREHOUSE
        warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        assert len([one for one in warnings if "using what was read 0 s ago" in one]) == times
    assert SECRET not in caplog.text


def test_what_is_staler_than_allowed_is_not_given(away: Callable[..., Any], clock: Clock) -> None:
    ours = away(max_stale=60)
    clock.now += 61

    assert "refuses the connection" in told(ours)


def test_what_was_never_read_is_an_error_while_vault_is_away(away: Callable[..., Any]) -> None:
    assert "refuses the connection" in told(away(max_stale=60), "torn")


def test_nothing_stale_is_given_after_a_refusal(backend: type[Any], vaulted: Vaulted, token: str) -> None:
    ours = backend(**vaulted.kwargs(token=token, max_stale=60, next=TRAP))
    assert found(ours) == WAREHOUSE
    done(vaulted.server, "POST", "auth/token/revoke", {"token": token})

    assert "Vault refuses it" in told(ours)


def test_nothing_that_was_read_before_a_refusal_is_given_while_vault_is_away(
    backend: type[Any], vaulted: Vaulted, token: str, between: Between
) -> None:
    ours = backend(**vaulted.kwargs(token=token, url=between.url, max_stale=60, next=TRAP))
    assert found(ours) == WAREHOUSE
    done(vaulted.server, "POST", "auth/token/revoke", {"token": token})
    assert "Vault refuses it" in told(ours, "torn")
    between.go()

    assert "refuses the connection" in told(ours)


def test_what_was_removed_is_not_given_again_while_vault_is_away(
    backend: type[Any], vaulted: Vaulted, token: str, between: Between
) -> None:
    ours = backend(**vaulted.kwargs(token=token, url=between.url, max_stale=60))
    assert found(ours) == WAREHOUSE
    vaulted.drop(Key("connection", "warehouse"))
    assert found(ours) is None
    between.go()

    assert found(ours) is None


def test_right_after_a_failure_vault_is_not_asked_again(
    away: Callable[..., Any], between: Between, audit: Audit
) -> None:
    ours = away()
    first = told(ours)
    between.come_back()
    audit.forget()

    assert told(ours) == first
    assert told(ours, "torn").endswith(first.partition("had: ")[2])
    assert audit.asked() == []


def test_a_moment_later_it_is(away: Callable[..., Any], between: Between, clock: Clock) -> None:
    ours = away()
    told(ours)
    between.come_back()
    clock.now += 1.1

    assert found(ours) == WAREHOUSE


def test_one_deadline_holds_for_all_that_a_lookup_asks(backend: type[Any], vaulted: Vaulted, between: Between) -> None:
    between.delay = 0.3  # each of the three answers comes in time, and not all of them
    ours = backend(**vaulted.kwargs(**vaulted.approle(), url=between.url, timeout=0.7, next=TRAP))
    began = time.monotonic()

    assert "doesn't answer within 0.7 s" in told(ours, "nonesuch")
    assert time.monotonic() - began < 2


def test_a_timeout_of_text_is_a_number_too(backend: type[Any], vaulted: Vaulted, token: str) -> None:
    assert found(backend(**vaulted.kwargs(token=token, timeout="2.5", cache_ttl="1", max_stale="0"))) == WAREHOUSE


# backend_kwargs


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a key of another source": ({"path": "/srv"}, "path: no such key; known are workspace"),
    "an unknown key": ({"tokn": SECRET}, "tokn: no such key; known are workspace"),
    "no url": ({"url": ""}, 'url: is missing; set "url"'),
    "a url with a password in it": ({"url": f"https://me:{SECRET}@vault:8200"}, "url: is no address"),
    "a url with a question": ({"url": f"https://vault:8200/?token={SECRET}"}, "url: is no address"),
    "no scheme": ({"url": "vault:8200"}, "url: is no address"),
    "an unknown login": ({"auth_type": "ldap"}, "auth_type: is no login of this release; known are token"),
    "no token": ({"token": None}, "token_path: auth_type token needs it"),
    "approle without its role": ({"auth_type": "approle", "secret_id": SECRET}, "role_id: auth_type approle needs it"),
    "approle without its secret": ({"auth_type": "approle", "role_id": "x"}, "secret_id_path: auth_type approle needs"),
    "jwt without its role": ({"auth_type": "jwt", "jwt_token": SECRET}, "jwt_role: auth_type jwt needs it"),
    "kubernetes without its role": ({"auth_type": "kubernetes"}, "kubernetes_role: auth_type kubernetes needs it"),
    "a relative token path": ({"token_path": "token"}, "token_path: is no absolute path"),
    "a token that is a number": ({"token": 7}, "token: isn't a text"),
    "a token of two lines": (
        {"token": f"{SECRET}\n{SECRET}"},
        "token: holds a character that no HTTP header can; write",
    ),
    "a namespace with an umlaut": (
        {"namespace": f"{SECRET}-ä"},
        "namespace: holds a character that no HTTP header can",
    ),
    "no number of seconds": ({"timeout": f"{SECRET}"}, "timeout: is no number of seconds"),
    "a timeout of nothing": ({"timeout": 0}, "timeout: is no number of seconds"),
    "a time that was": ({"max_stale": -1}, "max_stale: is no number of seconds"),
    "forever": ({"cache_ttl": "inf"}, "cache_ttl: is no number of seconds"),
    "a truth for seconds": ({"cache_ttl": True}, "cache_ttl: is no number of seconds"),
    "a relative authority": ({"verify": "ca.pem"}, "verify: is neither true, nor false, nor the absolute path"),
    "a certificate of three": ({"cert": ["/a", "/b", SECRET]}, "cert: is neither the absolute path of a certificate"),
    "a relative certificate": ({"cert": "client.pem"}, "cert: is neither the absolute path of a certificate"),
    "a relative key": ({"cert": ["/client.pem", "client.key"]}, "cert: is neither the absolute path of a certificate"),
    "a key without its certificate": ({"cert": ["", "/client.key"]}, "cert: is neither the absolute path of"),
}
"""What is set, and a part of what is told."""


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_key_is_told_by_its_name(backend: type[Any], name: str) -> None:
    wrong, error = WRONG[name]
    kwargs = {"workspace": "analytics", "deployment": "etl-dev", "source": "vault", "url": "http://127.0.0.1:9"}

    message = told(backend(**{**kwargs, "token": f"{SECRET}-token", **wrong}))

    assert f"backend_kwargs: {error}" in message or f"backend_kwargs.{error}" in message
    assert SECRET not in message


def test_a_credential_that_a_command_printed_may_end_in_a_newline(
    backend: type[Any], vaulted: Vaulted, token: str
) -> None:
    assert found(backend(**vaulted.kwargs(token=f"{token}\n"))) == WAREHOUSE


# `python -m airflow_plugin`


@pytest.fixture
def report(configured: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any, str]]:
    """The exit code, what is printed as JSON, and what is printed for people."""
    from airflow_plugin.__main__ import main

    def look(kwargs: dict[str, Any], *arguments: str) -> tuple[int, Any, str]:
        configured(kwargs)
        code = main([*arguments, "--output", "json"])
        document = capsys.readouterr().out
        assert main(arguments) == code
        text = capsys.readouterr().out
        for shown in (document, text):
            assert SECRET not in shown
            assert not any(kwargs.get(name) and kwargs[name] in shown for name in ("token", "secret_id"))
        return code, json.loads(document), text

    return look


def test_the_report_tells_place_nameplate_and_layers(report: Any, vaulted: Vaulted) -> None:
    code, answer, text = report(vaulted.kwargs(**vaulted.approle()), "warehouse", "--variable", "region")

    assert code == 0
    assert answer["nameplate"]["place"] == f"{vaulted.server.address}: secret/{vaulted.path('nameplate')}"
    assert (answer["nameplate"]["documents"], answer["nameplate"]["found"]) == (7, 7)
    assert [item["linked"] for item in answer["items"]] == [True, True]
    fields = {one["path"]: (one["text"], one["layer"]) for one in answer["items"][0]["fields"]}
    assert (fields["host"], fields["password"]) == (("dev.warehouse", "environment"), ("•••", "definition"))
    assert answer["configuration"]["backend_kwargs"]["secret_id"] == "•••"
    assert "<- environment" in text


def test_the_report_does_without_a_count_where_listing_is_refused(report: Any, vaulted: Vaulted, token: str) -> None:
    grant = vaulted.grants()["etl-dev"]
    rules = {"policy": grant.rules.replace('"list"', '"deny"')}
    done(vaulted.server, "PUT", f"sys/policies/acl/{grant.name}", rules)

    code, answer, text = report(vaulted.kwargs(token=token), "warehouse")

    assert code == 0
    assert answer["nameplate"]["found"] is None
    assert "7; what is here this login may not list" in text
    assert answer["items"][0]["linked"] is True


def test_the_report_says_that_what_was_removed_is_counted_too(report: Any, vaulted: Vaulted, token: str) -> None:
    vaulted.drop(Key("connection", "torn"))

    code, answer, text = report(vaulted.kwargs(token=token), "torn")

    assert "6, and 7 are here, removed ones among them" in text

    assert code == 1
    assert answer["problems"] == []
    assert answer["items"][0]["linked"] is False


def test_the_report_tells_what_is_wrong(report: Any, vaulted: Vaulted, token: str) -> None:
    code, answer, text = report(vaulted.kwargs(token=token, deployment="etl-prod"), "warehouse")

    assert code == 1
    assert [one["reason"] for one in answer["problems"]] == ["AccessDenied"]
    assert "Vault refuses it" in text


def test_a_rotated_variable_is_seen_by_a_role_too(backend: type[Any], vaulted: Vaulted) -> None:
    ours = backend(**vaulted.kwargs(**vaulted.approle()))
    assert ours.get_variable("region") == "eu-west-1"

    vaulted.put(variable("region", "eu-north-1"))

    assert ours.get_variable("region") == "eu-north-1"


def test_the_report_shows_numbers_and_no_url_with_a_password(report: Any, vaulted: Vaulted, token: str) -> None:
    url = vaulted.server.address.replace("://", f"://me:{SECRET}@")

    _, answer, _ = report(vaulted.kwargs(token=token, url=url, timeout=3, verify=False))

    shown = answer["configuration"]["backend_kwargs"]
    assert (shown["timeout"], shown["verify"], shown["url"], shown["token"]) == (3, False, "•••", "•••")
    assert "url: is no address" in answer["problems"][0]["subject"] + ": " + answer["problems"][0]["problem"]

"""What the files name, put onto what a workspace has."""

from __future__ import annotations

import pathlib

import pytest

from syncd.core.model import Definition, Deployment, Key, Reference, Workspace
from syncd.definitions import read, write
from tests.definitions.texts import EXAMPLE, applied, one, problems, put, subjects

A, B, OWN = Key("connection", "a"), Key("connection", "b"), Key("variable", "v", "d")

CURRENT = Workspace(
    name="w",
    environments=("dev", "prod"),
    deployments={"d": Deployment("d", "dev", ("files",)), "e": Deployment("e", "prod")},
    definitions={
        A: Definition(
            A,
            {"conn_type": "http", "host": "old", "password": "hunter2", "extra": {"x": "kept", "token": "t0"}},
            secret_fields=frozenset({("extra", "x")}),
            environments={"prod": {"host": "prod-old"}},
            links={"d": {"login": "l0", "port": 1}, "e": {}},
        ),
        B: Definition(B, {"conn_type": "http"}, link_all=True, exclude=frozenset({"e"})),
        OWN: Definition(OWN, {"value": "own"}),
    },
    revision=7,
)


def test_a_definition_that_the_files_name_is_taken_whole() -> None:
    after = applied("workspace: w\nconnections: {a: {conn_type: http, links: {e: {}}}}", CURRENT)
    assert after.definitions[A] == Definition(A, {"conn_type": "http"}, links={"e": {}})


def test_what_no_file_names_stays() -> None:
    after = applied("workspace: w\nconnections: {a: {conn_type: http}}", CURRENT)
    assert (after.environments, after.deployments) == (CURRENT.environments, CURRENT.deployments)
    assert after.definitions[B] == CURRENT.definitions[B]
    assert after.definitions[OWN] == CURRENT.definitions[OWN]


def test_a_deployment_that_the_files_name_is_taken_whole_with_its_own_definitions() -> None:
    after = applied("workspace: w\ndeployments: {d: {environment: prod}}", CURRENT)
    assert after.deployments["d"] == Deployment("d", "prod")
    assert OWN not in after.definitions
    assert after.definitions[A] == CURRENT.definitions[A]


PREVIEWED = Workspace(
    "analytics",
    ("dev",),
    {"d": Deployment("d", "dev"), "pr-1": Deployment("pr-1", "dev", (), "d")},
    {
        A: Definition(A, {"conn_type": "old"}, links={"d": {}, "pr-1": {"host": "pr"}}),
        B: Definition(B, {"conn_type": "old"}, links={"d": {}}, exclude=frozenset({"pr-1"})),
        OWN._replace(owner="pr-1"): Definition(OWN._replace(owner="pr-1"), {"value": "x"}),
    },
)


@pytest.mark.parametrize("prune", [False, True])
def test_a_preview_keeps_what_is_its_own(prune: bool) -> None:
    text = write(PREVIEWED)
    assert "pr-1" not in text  # so that it can be applied where, and when, there is no such preview
    assert applied(text, PREVIEWED, prune=prune) == PREVIEWED


def test_what_a_file_says_of_a_preview_counts() -> None:
    text = write(PREVIEWED).replace("d: {}", "d: {}\n      pr-1: {host: file}")
    found = applied(text, PREVIEWED).definitions
    assert [(found[key].links["pr-1"], found[key].exclude) for key in (A, B)] == [({"host": "file"}, frozenset())] * 2


def test_the_environments_are_those_of_the_files_where_they_say_them() -> None:
    assert applied("workspace: w\nenvironments: [dev, test, prod]", CURRENT).environments == ("dev", "test", "prod")
    assert applied("workspace: w", CURRENT).environments == ("dev", "prod")
    assert applied("workspace: w").environments == ()


def test_the_revision_is_that_of_the_workspace_applied_to() -> None:
    assert applied("workspace: w", CURRENT).revision == 7
    assert applied("workspace: w").revision == 0


def test_another_workspaces_name_is_the_callers_affair() -> None:
    assert applied("workspace: other", CURRENT).name == "other"


def test_prune_removes_whole_definitions_and_deployments_that_no_file_names() -> None:
    text = "workspace: w\ndeployments: {e: {environment: prod}}\nconnections: {a: {conn_type: http, links: {e: {}}}}"
    after = applied(text, CURRENT, prune=True)
    assert after.deployments.keys() == {"e"}
    assert after.definitions.keys() == {A}


def test_prune_by_files_that_define_nothing_is_refused() -> None:
    assert subjects("workspace: w", CURRENT, prune=True) == ["a.yaml:1:1 workspace"]
    assert applied("workspace: w", prune=True) == applied("workspace: w")


def test_prune_does_not_quietly_drop_a_link_that_a_file_names() -> None:
    """Otherwise the same files, applied once more, would be refused."""
    text = "workspace: w\nconnections: {a: {conn_type: http, links: {d: {}}, exclude: [e]}}"
    assert applied(text, CURRENT).definitions[A].links == {"d": {}}
    assert subjects(text, CURRENT, prune=True) == [
        "a.yaml:2:44 connections.a.links.d",
        "a.yaml:2:52 connections.a.exclude",
    ]


def test_applying_twice_is_applying_once() -> None:
    after = applied(EXAMPLE)
    assert applied(EXAMPLE, after) == applied(EXAMPLE, after, prune=True) == after


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ("password: {$stored: true}", ("password",)),
        ("extra: {token: {$stored: true}}", ("extra", "token")),
        ("links: {d: {login: {$stored: true}}}", ("links", "d", "login")),
        ("links: {d: {port: {$stored: true}}}", ("links", "d", "port")),
        ("environments: {prod: {host: {$stored: true}}}", ("environments", "prod", "host")),
    ],
)
def test_stored_keeps_the_value_at_the_same_place(lines: str, path: tuple[str, ...]) -> None:
    after = applied(one(lines, A), CURRENT).definitions[A]

    def at(definition: Definition) -> object:
        found: object = {"links": definition.links, "environments": definition.environments} | dict(definition.fields)
        for part in path:
            assert isinstance(found, dict)
            found = found[part]
        return found

    assert at(after) == at(CURRENT.definitions[A])


def test_stored_keeps_extra_as_a_whole() -> None:
    after = applied(one("secret_fields: [extra.x]\nextra: {$stored: true}", A), CURRENT)
    assert after.definitions[A].fields["extra"] == {"x": "kept", "token": "t0"}


def test_stored_keeps_a_reference() -> None:
    before = applied(one("host: {$from: env:HOST}", A))
    after = applied(one("host: {$stored: true}", A), before)
    assert after.definitions[A].fields["host"] == Reference("env", "HOST")


def test_stored_keeps_the_value_of_a_deployments_own() -> None:
    text = "workspace: w\ndeployments: {d: {environment: dev, variables: {v: {value: {$stored: true}}}}}"
    assert applied(text, CURRENT).definitions[OWN] == CURRENT.definitions[OWN]


@pytest.mark.parametrize(
    ("lines", "subject"),
    [
        ("login: {$stored: true}", "a.yaml:4:5 connections.a.login"),
        ("extra: {y: {z: {$stored: true}}}", "a.yaml:4:17 connections.a.extra.y.z"),
        ("links: {e: {login: {$stored: true}}}", "a.yaml:4:17 connections.a.links.e.login"),
        ("environments: {dev: {host: {$stored: true}}}", "a.yaml:4:26 connections.a.environments.dev.host"),
    ],
)
def test_nothing_stored_is_an_error_at_its_line(lines: str, subject: str) -> None:
    assert subjects(one(lines, A), CURRENT) == [subject]


def test_nothing_is_stored_in_a_new_workspace_nor_where_it_was_unset() -> None:
    text = one("host: {$stored: true}", A)
    (error,) = problems(text)
    assert error.problem == "nothing is stored here"
    assert subjects(text, applied(one("host: null", A))) == ["a.yaml:4:5 connections.a.host"]


def test_a_shared_value_is_not_stored_for_a_deployments_own_of_the_same_id() -> None:
    text = "workspace: w\ndeployments: {d: {environment: dev, connections: {a: {password: {$stored: true}}}}}"
    assert subjects(text, CURRENT) == ["a.yaml:2:55 deployments.d.connections.a.password"]


@pytest.mark.parametrize("place", ["extra: {x: {$stored: true}}", "extra: {$stored: true}"])
def test_keeping_a_secret_does_not_reveal_it(place: str) -> None:
    (error,) = problems(one(place, A), CURRENT)
    assert error.problem == "the stored value is secret, and wouldn't be any more"
    assert problems(one(f"{place}\nsecret_fields: [extra.x]", A), CURRENT) == []


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("workspace: W", "a.yaml:1:1 workspace"),
        ("workspace: w\nenvironments: [dev, prod, Prod]", "a.yaml:2:27 environments.Prod"),
        ("workspace: w\ndeployments:\n  D: {environment: dev}", "a.yaml:3:3 deployments.D"),
        ("workspace: w\ndeployments:\n  d:\n    environment: test", "a.yaml:4:5 deployments.d.environment"),
        ("workspace: w\nconnections:\n  a b: {}", 'a.yaml:3:3 connections."a b"'),
        (one("links: {nobody: {}}", A), "a.yaml:4:13 connections.a.links.nobody"),
        (one("environments: {test: {host: a}}", A), "a.yaml:4:20 connections.a.environments.test"),
        (one("exclude: [d, nobody]", A), "a.yaml:4:5 connections.a.exclude"),
        (one("links: {d: {}}\nexclude: [d]", A), "a.yaml:5:5 connections.a.exclude"),
        (one("secret_fields: [extra.a, hots]", A), "a.yaml:4:5 connections.a.secret_fields"),
    ],
)
def test_what_a_workspace_cannot_hold_is_told_at_its_line(text: str, subject: str) -> None:
    assert subjects(text, CURRENT) == [subject]


def test_what_breaks_in_a_part_that_no_file_names_is_the_registrys() -> None:
    text = "workspace: w\nenvironments: [dev]\ndeployments: {e: {environment: dev}}"
    assert subjects(text, CURRENT) == ["registry connections.a.environments.prod"]


def test_all_of_it_is_told_at_once() -> None:
    text = one("host: {$stored: true}\nlogin: {$stored: true}\nlinks: {nobody: {}}\nexclude: [d]", B)
    assert len(problems(text, CURRENT)) == 3


def test_each_file_is_named_for_its_own() -> None:
    put("workspace: w\nenvironments: [dev]", "f/a.yaml")
    put("workspace: w\nvariables: {v: {links: {nobody: {}}}}", "f/b.yaml")
    assert subjects(pathlib.Path("f")) == ["f/b.yaml:2:25 variables.v.links.nobody"]


def test_definitions_show_no_value() -> None:
    put(one("password: hunter2\nlinks: {d: {password: hunter2}}", A))
    assert "hunter2" not in repr(read(pathlib.Path("a.yaml")))

"""What a file is made of, and what it says of a workspace."""

from __future__ import annotations

import pytest

from syncd.core.model import Definition, Deployment, Key, Reference, Workspace
from tests.definitions.texts import EXAMPLE, applied, definitions, one, problems, subjects

VARIABLE = Key("variable", "v")


def test_the_example_of_the_design() -> None:
    warehouse, slack = Key("connection", "warehouse"), Key("connection", "slack")
    region, scratch = Key("variable", "region"), Key("connection", "scratch", "etl-dev")
    assert applied(EXAMPLE) == Workspace(
        name="analytics",
        environments=("dev", "prod"),
        deployments={
            "etl-dev": Deployment("etl-dev", "dev", ("files",)),
            "etl-prod": Deployment("etl-prod", "prod", ("vault", "pods")),
        },
        definitions={
            scratch: Definition(scratch, {"conn_type": "sqlite", "host": "/tmp/scratch.db"}),
            warehouse: Definition(
                warehouse,
                {
                    "conn_type": "postgres",
                    "description": "The analytics warehouse",
                    "host": "dev.warehouse.internal",
                    "login": "etl",
                    "password": Reference("env", "WAREHOUSE_PASSWORD"),
                    "schema": "analytics",
                    "extra": {"sslmode": "require"},
                },
                environments={
                    "prod": {"host": "warehouse.internal", "password": Reference("file", "/run/secrets/warehouse")}
                },
                links={"etl-dev": {}, "etl-prod": {"schema": "finance", "extra": {"application_name": "etl"}}},
            ),
            slack: Definition(
                slack,
                {"conn_type": "slackwebhook", "password": Reference("env", "SLACK_TOKEN")},
                link_all=True,
                exclude=frozenset({"etl-dev"}),
            ),
            region: Definition(
                region, {"value": "eu-west-1"}, link_all=True, links={"etl-prod": {"value": "eu-central-1"}}
            ),
        },
    )


def test_an_empty_override_of_an_environment_says_nothing_and_an_empty_link_links() -> None:
    (found,) = definitions(one("environments: {prod: {}}\nlinks: {etl-dev: {}}")).definitions.values()
    assert (found.environments, found.links) == ({}, {"etl-dev": {}})


def test_secret_fields_are_paths_with_quoted_parts() -> None:
    (found,) = definitions(one("secret_fields: [extra.foo, host, 'extra.\"a.b\".c']")).definitions.values()
    assert found.secret_fields == {("extra", "foo"), ("host",), ("extra", "a.b", "c")}


@pytest.mark.parametrize("path", ["'extra.'", "'a..b'", "''", "'extra.\"a'", "[a]", "null: a"])
def test_what_is_no_path_is_an_error_at_its_own_place(path: str) -> None:
    assert subjects(one(f"secret_fields: [host, {path}]")) == ["a.yaml:4:27 connections.c.secret_fields"]


@pytest.mark.parametrize(("flag", "paths"), [("true", {("value",)}), ("false", set())])
def test_a_variable_is_secret_or_not(flag: str, paths: set[tuple[str, ...]]) -> None:
    (found,) = definitions(one(f"value: a\nsecret: {flag}", VARIABLE)).definitions.values()
    assert found.secret_fields == paths


@pytest.mark.parametrize(
    ("text", "path", "known"),
    [
        ("workspace: w\nvariable: {}", "variable", "workspace, environments, deployments, connections, variables"),
        ("workspace: w\ndeployments: {d: {environment: e, enviroment: e}}", "deployments.d.enviroment", "environment"),
        (one("hots: a"), "connections.c.hots", "conn_type, description, host, login, password, schema, port, extra"),
        (one("secret: true"), "connections.c.secret", "secret_fields, environments, links, link_all, exclude"),
        (one("links: {d: {link_all: true}}"), "connections.c.links.d.link_all", "conn_type, description, host"),
        (one("description: a", VARIABLE), "variables.v.description", "value, secret, environments, links, link_all"),
        (one("links: {d: {host: a}}", VARIABLE), "variables.v.links.d.host", "value"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_known(text: str, path: str, known: str) -> None:
    (error,) = problems(text)
    assert error.subject.endswith(f" {path}")
    assert error.remedy.startswith("known are ")
    assert known in error.remedy


@pytest.mark.parametrize("key", ["links: {}", "environments: {}", "link_all: true", "exclude: []"])
def test_a_deployments_own_definition_is_linked_to_it_and_overrides_nothing(key: str) -> None:
    text = f"workspace: w\ndeployments:\n  d:\n    environment: e\n    variables: {{v: {{value: a, {key}}}}}"
    (error,) = problems(text)
    assert error.remedy == "known are value, secret"


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("a", "a.yaml:1:1"),
        ("[]", "a.yaml:1:1"),
        ("{}", "a.yaml:1:1 workspace"),
        ("connections: {}", "a.yaml:1:1 workspace"),
        ("workspace: [w]", "a.yaml:1:1 workspace"),
        ("workspace:", "a.yaml:1:1 workspace"),
        ("workspace: null", "a.yaml:1:1 workspace"),
        ('workspace: ""', "a.yaml:1:1 workspace"),
        ("workspace: w\nenvironments: dev", "a.yaml:2:1 environments"),
        ("workspace: w\nenvironments: [dev, [prod]]", "a.yaml:2:21 environments"),
        ("workspace: w\nenvironments: [dev, dev]", "a.yaml:2:21 environments"),
        ("workspace: w\nconnections: []", "a.yaml:2:1 connections"),
        ("workspace: w\nconnections:", "a.yaml:2:1 connections"),
        ("workspace: w\nconnections:\n  c:", "a.yaml:3:3 connections.c"),
        ("workspace: w\nconnections:\n  c: null", "a.yaml:3:3 connections.c"),
        ("workspace: w\ndeployments: {d: {}}", "a.yaml:2:15 deployments.d"),
        ("workspace: w\ndeployments: {d: {environment: null}}", "a.yaml:2:19 deployments.d.environment"),
        ("workspace: w\ndeployments: {d: {environment: e, targets: t}}", "a.yaml:2:35 deployments.d.targets"),
        (one("host: [a]"), "a.yaml:4:5 connections.c.host"),
        (one("host: {a: b}"), "a.yaml:4:5 connections.c.host"),
        (one("extra: [a]"), "a.yaml:4:5 connections.c.extra"),
        (one("links: [d]"), "a.yaml:4:5 connections.c.links"),
        (one("links: {d: null}"), "a.yaml:4:13 connections.c.links.d"),
        (one("exclude: {d: {}}"), "a.yaml:4:5 connections.c.exclude"),
    ],
)
def test_what_has_another_shape_is_an_error_at_its_place(text: str, subject: str) -> None:
    assert subjects(text) == [subject]


def test_all_problems_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = one("hots: a\nport: x\nextra:\n  a: ~\n  b:\n  c: [~, {$from: env:A}]\n  d: {$x: y}\nlinks: {d: {e: f}}")
    assert subjects(text) == [
        "a.yaml:4:5 connections.c.hots",
        "a.yaml:5:5 connections.c.port",
        "a.yaml:7:7 connections.c.extra.a",
        "a.yaml:8:7 connections.c.extra.b",
        "a.yaml:9:11 connections.c.extra.c",
        "a.yaml:9:14 connections.c.extra.c",
        "a.yaml:10:7 connections.c.extra.d",
        "a.yaml:11:17 connections.c.links.d.e",
    ]


def test_a_key_that_holds_a_dot_is_quoted_in_a_path() -> None:
    assert subjects(one("extra: {spark.driver.memory: ~}")) == ['a.yaml:4:13 connections.c.extra."spark.driver.memory"']


def test_a_key_can_neither_break_a_message_nor_speak_to_the_terminal() -> None:
    (subject,) = subjects(one(f'extra:\n  ? "a\\n\\e[31m{"x" * 5000}"\n  : ~'))
    assert subject.isprintable()
    assert len(subject) < 500

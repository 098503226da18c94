"""A life with secrets in every place where one can be: what the leak tests play, in this process and in others."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from tests.cli.runner import SETTINGS, Result
from tests.cli.sentinels import Sentinels

DEPLOYMENTS = ("etl-dev", "etl-prod")


class Run(Protocol):
    """How a command is run: with what is typed at its prompts, and with more in its environment."""

    def __call__(
        self, *arguments: str, stdin: bytes = b"", typed: str = "", environ: Mapping[str, str] | None = None
    ) -> Result: ...


class Heard(NamedTuple):
    """What came out of one command."""

    command: str
    result: Result


class Story:
    """One installation, in its own folder, and all that was heard of it."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.secrets = Sentinels()
        self.heard: list[Heard] = []
        self.planted: set[str] = set()
        self._run = run

    def do(
        self,
        *arguments: str,
        code: int = 0,
        stdin: str | bytes = b"",
        typed: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> Result:
        """Run a command, which must end so; what it says is kept."""
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        result = self._run(*arguments, stdin=given, typed=typed, environ=environ)
        self.heard.append(Heard(" ".join(arguments), result))
        assert result.code == code, (arguments, sorted(self.secrets.found(result.said)), result.code)
        return result

    def look(self, commands: Sequence[tuple[str, ...]] = ()) -> None:
        """Every command that shows something, or these, for people and for scripts."""
        for output in ("table", "json"):
            for command in commands or SHOWING:
                self.do(*command, "-o", output)
        self.do("export")
        self.do("export", "--to", str(self.folder / "exported.yaml"))

    def sync(self, code: int = 0) -> None:
        """Plan before, sync, plan after; then what lies in the targets is noted."""
        for output in ("table", "json"):
            self.try_("plan", "-o", output)
        self.do("sync", code=code)
        self.try_("plan", "--changed")
        self.try_("sync", "-o", "json")
        self.planted |= self.secrets.found(b"".join(path.read_bytes() for path in self.documents()))

    def try_(self, *arguments: str, environ: Mapping[str, str] | None = None) -> int:
        """Run a command, which may end as it likes; its exit code."""
        self.heard.append(Heard(" ".join(arguments), self._run(*arguments, environ=environ)))
        return self.heard[-1].result.code

    def documents(self) -> Iterator[Path]:
        """What lies in the targets."""
        for target in ("files", "classic"):
            yield from (path for path in (self.home / target).rglob("*") if path.is_file())


SHOWING: tuple[tuple[str, ...], ...] = (
    ("connection", "list"),
    *(("connection", "show", f"c-{name}") for name in ("yaml", "prompt", "stdin", "file", "env")),
    ("connection", "show", "own", "-d", "etl-dev"),
    ("variable", "list"),
    ("variable", "show", "salt"),
    *(("explain", one, f"c-{name}") for one in DEPLOYMENTS for name in ("yaml", "prompt", "stdin", "file", "env")),
    ("explain", "etl-dev", "own"),
    ("explain", "etl-dev", "salt", "--variable"),
    ("explain", "etl-prod", "api_key", "--variable"),
    ("deployment", "list"),
    ("deployment", "show", "etl-dev"),
    ("environment", "list"),
    ("workspace", "list"),
    ("target", "list"),
    ("status",),
    ("history", "-n", "100"),
    ("diff", "0"),
    ("diff", "1"),
)


def quoted(text: str) -> str:
    """As a text in YAML."""
    return json.dumps(text)


def play(story: Story) -> None:
    """All of it, in order."""
    for part in (
        begin,
        from_files,
        by_commands,
        by_prompt,
        by_reference,
        Story.look,
        refused_arguments,
        there_and_back,
        new_keys,
        Story.look,
        wrong_files,
        wrong_references,
        targets_in_trouble,
        edited_by_hand,
        taken_away,
        wrong_settings,
        wrong_keys,
    ):
        part(story)


def begin(story: Story) -> None:
    story.do("init")
    (story.home / "syncd.toml").write_text(SETTINGS)
    (story.home / "secrets").mkdir()
    story.secrets.add("key", (story.home / "keys").read_text().strip())


def from_files(story: Story) -> None:
    new = story.secrets.new
    (story.folder / "definitions.yaml").write_text(
        f"""
workspace: analytics
environments: [dev, prod]
deployments:
  etl-dev:
    environment: dev
    targets: [files]
    connections:
      own: {{conn_type: http, password: {quoted(new("own, YAML"))}}}
  etl-prod: {{environment: prod, targets: [files, classic]}}
connections:
  c-yaml:
    conn_type: http
    description: planted-description
    password: {quoted(new("YAML"))}
    secret_fields: [extra.foo, extra.whole, login]
    login: {quoted(new("secret_fields, login"))}
    extra:
      foo: {quoted(new("secret_fields"))}
      whole: {{a: {{b: {quoted(new("below secret_fields"))}}}}}
      a: {{b: {{c: {{client_secret: {quoted(new("extra at depth"))}}}}}}}
      accounts: [{{name: n, token: {quoted(new("list in extra"))}}}]
      tokens: [{quoted(new("list of secrets"))}]
      many: [[{{x: [{{api_key: {quoted(new("list in list"))}}}]}}]]
      number_token: 91827364
    environments:
      prod: {{password: {quoted(new("environment"))}, extra: {{foo: {quoted(new("environment, secret_fields"))}}}}}
    links:
      etl-dev: {{password: {quoted(new("link"))}}}
      etl-prod: {{extra: {{a: {{b: {{c: {{client_secret: {quoted(new("link at depth"))}}}}}}}}}}}
variables:
  salt:
    value: {quoted(new("secret variable"))}
    secret: true
    link_all: true
    links: {{etl-prod: {{value: {quoted(new("secret variable, link"))}}}}}
  api_key: {{value: {quoted(new("variable by its key"))}, link_all: true}}
  region: {{value: planted-region, link_all: true}}
"""
    )
    story.do("apply", "-f", "definitions.yaml", code=1)  # nobody to ask
    story.do("apply", "-f", "definitions.yaml", "--yes")
    story.do("apply", "-f", "definitions.yaml", "-o", "json")


def by_commands(story: Story) -> None:
    new = story.secrets.new
    link = ("--link", "etl-dev", "--link", "etl-prod")
    story.do("connection", "create", "c-stdin", "conn_type=http", "password=-", *link, stdin=new("stdin") + "\n")
    (story.folder / "value").write_text(new("file") + "\n")
    story.do("connection", "create", "c-file", "conn_type=http", "password=@value", *link)
    (story.folder / "extra.json").write_text(json.dumps({"a": {"token": new("JSON file")}, "b": 1}))
    story.do("connection", "update", "c-file", "extra=@extra.json")
    story.do("connection", "update", "c-file", "--secret-field", "extra.b", "extra.b=-", stdin=new("secret-field"))
    story.do("override", "set", "c-file", "-e", "prod", "password=-", stdin=new("override, environment"))
    story.do("override", "set", "c-file", "-d", "etl-dev", "extra.token=-", "-o", "json", stdin=new("override, link"))
    story.do("link", "etl-prod", "c-stdin", "--set", "password=-", stdin=new("link --set"))
    story.do("variable", "update", "salt", "value=-", stdin=new("variable, stdin"))
    story.do("variable", "update", "region", "value=-", "--secret", stdin=new("variable, --secret"))
    story.do("connection", "update", "own", "-d", "etl-dev", "password=-", stdin=new("own, stdin"))


def by_prompt(story: Story) -> None:
    new = story.secrets.new
    link = ("--link", "etl-dev", "--link", "etl-prod")
    # What a terminal takes as typed: no é, as its locale is not ours to say.
    story.do("connection", "create", "c-prompt", "conn_type=http", "password", *link, typed=new("prompt", "\"/ +%&'"))
    story.do("connection", "update", "c-prompt", "extra.channel", typed=new("prompt, no secret by its name", "\"/ +'"))
    story.do("override", "set", "c-prompt", "-e", "prod", "login", typed=new("prompt, override", "\"/ +%&'"))


def by_reference(story: Story) -> None:
    os.environ["WAREHOUSE_ENV"] = story.secrets.new("env:")
    (story.home / "secrets" / "ref").write_text(story.secrets.new("file:") + "\n")
    story.do(
        *("connection", "create", "c-env", "conn_type=http", "--link", "etl-dev", "--link", "etl-prod"),
        *("--from", "password=env:WAREHOUSE_ENV", "--from", "extra.plain=file:secrets/ref"),
    )
    story.sync()
    os.environ["WAREHOUSE_ENV"] = story.secrets.new("env:, rotated")
    (story.home / "secrets" / "ref").write_text(story.secrets.new("file:, rotated"))
    story.sync()


def refused_arguments(story: Story) -> None:
    new = story.secrets.new
    (story.folder / "latin").write_bytes(b"\xff" + new("file that isn't UTF-8").encode())
    (story.folder / "long").write_bytes(new("file that is too long").encode() + b"x" * (1 << 20))
    for number, given in enumerate(
        (
            "password={}",
            "extra.token={}",
            "passwrod={}",
            "{}",
            "{}=x",
            "extra={}",
            "port={}",
            "password=@{}",
            'extra={{"password": "{}"}}',
            'extra={{"password": "{}"',
            'extra.a=[{{"token": "{}"}}]',
            'extra."{}',
        )
    ):
        text = given.format(new(f"argument {number}", " é+"))
        for command in (
            ["connection", "create", "x"],
            ["connection", "create", "x", "--from"],
            ["connection", "update", "c-yaml"],
            ["link", "etl-dev", "c-yaml"],
            ["link", "etl-dev", "c-yaml", "--set"],
            ["override", "set", "c-yaml", "-e", "dev"],
        ):
            story.do(*command, text, code=2)
    story.do("variable", "update", "salt", f"value={new('argument, variable')}", code=2)
    story.do("connection", "update", "c-yaml", "login=@latin", code=2)
    story.do("connection", "update", "c-yaml", "login=@long", code=2)
    story.do("connection", "update", "c-yaml", "login=-", code=2, stdin=b"\xff" + new("stdin, not UTF-8").encode())
    story.do("connection", "update", "c-yaml", "port=-", code=2, stdin=new("stdin, port"))
    story.do("connection", "update", "c-yaml", "extra=-", code=2, stdin='{"password": ' + quoted(new("stdin, JSON")))
    for option in ("--output", "--workspace", "--password", "--zzz"):
        text = new(f"option {option}")
        # A name that isn't there is told, as names are: it is the one place where an argument is.
        if option != "--workspace":
            story.do("connection", "list", option, text, code=2)
            story.do("connection", "list", f"{option}={text}", code=2)


def there_and_back(story: Story) -> None:
    before = json.loads(story.do("history", "-o", "json").out)["revisions"][0]["number"]
    story.do("connection", "update", "c-file", "extra.a.token=-", stdin=story.secrets.new("superseded"))
    story.do("connection", "delete", "c-stdin", "--yes")
    story.do("diff", str(before))
    story.sync()
    story.do("rollback", str(before), code=1)  # nobody to ask
    story.do("rollback", str(before), "--yes")
    story.do("rollback", str(before), "--yes", "-o", "json")
    story.sync()


def new_keys(story: Story) -> None:
    for verb in ("add", "rotate", "retire"):
        story.do("key", verb)
    story.secrets.add("new key", (story.home / "keys").read_text().strip())


WRONG = {
    "a quote that isn't closed": 'password: "{}\n    host: x',
    "an escape that isn't one": 'password: "\\q{}"',
    "twice": "password: {}\n    password: {}",
    "no field": "passwrod: {}",
    "a port": "port: {}",
    "a list": "password: [{}]",
    "an object": "password: {{x: {}}}",
    "a reference": "password: {{$from: {}}}",
    "another $": "password: {{$form: {}}}",
    "a tag": "password: !!binary {}",
    "an anchor": "password: &{} x",
    "an alias": "password: *{}",
    "a key of extra": "extra: {{$x: {}}}",
    "extra as text": "extra: {}",
    "a block": "password: |\n   {}\n host: x",
    "a tab": "password: {}\n\thost: x",
    "a flag": "link_all: {}",
    "a deployment": "links: [{}]",
    "a merge key": "<<: {{password: {}}}",
    "half": "password: {}\n    host",
    "a control character": "password: {}\x01",
    "a second document": "password: {}\n---\nx",
}


def wrong_files(story: Story) -> None:
    for number, (name, text) in enumerate(WRONG.items()):
        secret = story.secrets.new(f"wrong YAML: {name}", middle="-xyz-")
        path = story.folder / f"wrong{number}.yaml"
        body = text.replace("{}", secret).replace("{{", "{").replace("}}", "}")
        path.write_text(f"workspace: analytics\nconnections:\n  x:\n    conn_type: http\n    {body}\n")
        story.do("apply", "-f", path.name, "--yes", code=1)
        story.do("apply", "-f", path.name, "--yes", "-o", "json", code=1)
    (story.folder / "binary.yaml").write_bytes(b"\xff\x00" + story.secrets.new("binary YAML").encode())
    story.do("apply", "-f", "binary.yaml", code=1)


def wrong_references(story: Story) -> None:
    new = story.secrets.new
    secrets = story.home / "secrets"
    (secrets / "latin").write_bytes(b"\xff" + new("file:, not UTF-8").encode())
    (secrets / "port").write_text(new("file:, no port"))
    (secrets / "long").write_text(new("file:, too long") * 10_000)
    (story.folder / "elsewhere").write_text(new("file:, not allowed"))
    os.environ["ELSEWHERE"] = new("env:, not allowed")
    references = {
        "password": "file:secrets/latin",
        "login": "file:secrets/long",
        "schema": f"file:{story.folder / 'elsewhere'}",
        "host": "env:ELSEWHERE",
        "description": "file:../keys",
        "port": "file:secrets/port",
    }
    for field, reference in references.items():
        story.do("connection", "create", f"r-{field}", "conn_type=http", "--from", f"{field}={reference}", "--link-all")
    story.sync(code=1)
    story.do("status")
    story.do("status", "-o", "json")
    for field in references:
        story.do("connection", "delete", f"r-{field}", "--yes")
    story.sync()


def targets_in_trouble(story: Story) -> None:
    story.do("connection", "update", "c-file", "extra.a.token=-", stdin=story.secrets.new("failing target"))
    classic, aside = story.home / "classic", story.home / "aside"
    classic.rename(aside)
    classic.write_text("")  # a file where its folder was: even root can't write below it
    story.sync(code=1)
    story.do("status")
    classic.unlink()
    aside.rename(classic)
    story.sync()


def edited_by_hand(story: Story) -> None:
    """Documents that somebody changed: what is in them is nobody's to show, unless its field is plain."""
    new = story.secrets.new
    folder = story.home / "files" / "analytics" / "deployments" / "etl-dev" / "connections"
    path = folder / "c-yaml"
    whole = path.read_text()
    document = json.loads(whole)
    layers = document["layers"]
    for edited in (
        whole[:-1] + new("edited: no JSON"),
        json.dumps({**document, "layers": {**layers, "link": {"password": new("edited: password")}}}),
        json.dumps({**document, "layers": {**layers, "definition": {"zzz": new("edited: unknown field")}}}),
        json.dumps({**document, "layers": {**layers, "definition": {"host": [new("edited: another type")]}}}),
        json.dumps({**document, "layers": {**layers, "zzz": {"password": new("edited: unknown layer")}}}),
        json.dumps({**document, "zzz": new("edited: unknown part")}),
        json.dumps({**document, "secrets": [], "layers": {"link": {"password": new("edited: no list of secrets")}}}),
        json.dumps({**document, "mark": new("edited: mark")}),
        json.dumps({**document, "format": new("edited: format")}),
        json.dumps([new("edited: a list")]),
    ):
        path.write_text(edited)
        for command in (("plan",), ("plan", "-o", "json"), ("target", "adopt", "files", "--yes"), ("sync",)):
            story.try_(*command)
        path.write_text(whole)
    (folder / "foreign").write_text(new("a foreign file"))
    story.sync()
    (folder / "foreign").unlink()


def taken_away(story: Story) -> None:
    """So many deletes that they are held, and a lost registry's documents."""
    backup = {path.name: path.read_bytes() for path in story.home.glob("registry.db*")}
    keys = (story.home / "keys").read_bytes()
    for path in (*story.home.glob("registry.db*"), story.home / "keys"):
        path.unlink()
    story.do("init")
    story.secrets.add("another key", (story.home / "keys").read_text().strip())
    story.do("apply", "-f", "definitions.yaml", "--yes")
    story.do("sync", code=1)
    story.do("target", "adopt", "files", code=1)
    story.do("target", "adopt", "files", "--yes")
    story.try_("sync", "-t", "files")
    for path in story.home.glob("registry.db*"):
        path.unlink()
    for name, content in backup.items():
        (story.home / name).write_bytes(content)
    (story.home / "keys").write_bytes(keys)
    story.do("target", "accept-restore", "files", "--yes")
    story.do("target", "adopt", "files", "--yes")


def wrong_settings(story: Story) -> None:
    settings = story.home / "syncd.toml"
    whole = settings.read_text()
    for number, text in enumerate(
        (
            'url = "https://user:{}@vault"\n',
            "password = {}\n",
            'token = "{}\n',
            '[references]\nenv = "{}"\n',
            '[targets.x]\ntype = "{}"\n',
            '[targets.x]\ntype = "directory"\npath = "x"\ntoken = "{}"\n',
            '[targets.x]\ntype = "directory"\npath = ["{}"]\n',
            '[targets.x]\ntype = "directory"\npath = "x"\nlayout = "{}"\n',
            "{} = 1\n{} = 2\n",
        )
    ):
        settings.write_text(text.replace("{}", story.secrets.new(f"syncd.toml {number}", middle="-xyz-")))
        story.do("plan", code=1)
        story.do("plan", "-o", "json", code=1)
    settings.write_text(whole)


def wrong_keys(story: Story) -> None:
    new = story.secrets.new
    story.do("plan", code=1, environ={"SYNCD_KEYS": new("SYNCD_KEYS that is no key")})
    other = story.secrets.add("SYNCD_KEYS of another registry", "3b0bdPiLpFhyFVoBhBrKBSQp9fSxkPpzcYMe4wFCvmA=")
    story.do("plan", code=1, environ={"SYNCD_KEYS": other})
    password = new("SYNCD_REGISTRY", "-x-")
    story.do("plan", code=1, environ={"SYNCD_REGISTRY": f"postgresql://user:{password}@127.0.0.1:1/db"})
    story.do("plan", code=1, environ={"SYNCD_REGISTRY": new("SYNCD_REGISTRY that is none")})


def check(story: Story) -> None:
    """Nothing of it anywhere but in documents, which nobody else can read."""
    found = story.secrets.found
    heard = [(one.command, names) for one in story.heard if (names := found(one.result.out + one.result.err))]
    assert not heard, heard
    named = [path for path in story.home.rglob("*") if found(str(path.relative_to(story.home)))]
    assert not named, named
    kept = [*story.home.glob("registry.db*"), story.home / "syncd.toml", story.folder / "exported.yaml"]
    missing = {"registry.db", "registry.db.lock", "syncd.toml", "exported.yaml"} - {path.name for path in kept}
    assert not missing, missing
    held = [(path.name, names) for path in kept if (names := found(path.read_bytes()))]
    assert not held, held
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (*story.documents(), story.home / "keys")}
    assert modes == {0o600}, modes


def check_planted(story: Story) -> None:
    """The search finds what is there, and the secrets did get to where they belong."""
    planted = {name.rpartition(" (")[0] for name in story.planted}

    assert any("planted-description" in one.result.out for one in story.heard)
    missing = {
        "own, stdin",
        "secret_fields",
        "below secret_fields",
        "extra at depth",
        "list in extra",
        "list in list",
        "environment",
        "link",
        "link at depth",
        "secret variable, link",
        "variable by its key",
        "variable, stdin",
        "variable, --secret",
        "stdin",
        "file",
        "JSON file",
        "override, environment",
        "override, link",
        "link --set",
        "prompt",
        "prompt, override",
        "env:",
        "env:, rotated",
        "file:",
        "superseded",
        "failing target",
    } - planted
    assert not missing, missing

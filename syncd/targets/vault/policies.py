"""In `split`: the policy that says which shared parts a deployment may read, with our mark in its first line.

A policy has no version to write against: what lies there is looked at before a write and after it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.core.documents import Document, Mark, Place, Seal, Stamp, read_mark
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.layouts.sharing import EDITED, parts_of, policy_document
from syncd.core.plan import Write

if TYPE_CHECKING:
    from syncd.clients.vault.writing import Vault

_MARK = "# syncd "
_RULE = re.compile(r'^\s*path\s+"([^"*+{}]+)"\s*\{([^}]*)\}', re.MULTILINE)


def policy_name(target: str, prefix: str, deployment: str) -> str:
    """How Vault calls it. No name of ours holds a `_`: no two deployments, prefixes or targets share one."""
    return f"airflow_{target}_{prefix}_{deployment}_shared"


def rules(mount: str, parts: Iterable[Place], mark: Mark) -> str:
    """What grants these shared parts, and nothing else, and says whose it is."""
    granted = (f'path "{mount}/data/{part.object}" {{\n  capabilities = ["read"]\n}}\n' for part in sorted(parts))
    return "".join((f"{_MARK}{json.dumps(mark._asdict())}\n", *granted))


@dataclass(frozen=True)
class Policies:
    """Those of one target and prefix, by the name of their deployment."""

    vault: Vault
    target: str
    prefix: str

    def subject(self, name: str) -> str:
        """How errors name a policy."""
        return f"policy {self._name(name)}"

    def deployments(self) -> list[str]:
        """Those that have one, whether or not anything else of theirs is there. Raises SyncError."""
        start, _, end = policy_name(self.target, self.prefix, "*").partition("*")
        least = len(start) + len(end)
        names = (name for name in self.vault.policies() if name.startswith(start) and name.endswith(end))
        return [name[len(start) : -len(end)] for name in names if len(name) > least]

    def read(self, name: str, seal: Seal) -> tuple[Stamp, Document | None] | None:
        """Whose it is and what it grants; None where there is none. Raises SyncError."""
        text = self.vault.policy(self._name(name))
        if text is None:
            return None
        document = policy_document(self._granted(text))
        ours = _canonical(rules(self.vault.mount, parts_of(document), Mark("", "", "", 0)))
        # Of whatever else stands in it, nobody knows what it grants.
        return _stamp(text), document if _canonical(text) == ours else Document({**document.content, EDITED: True})

    def write(self, write: Write, mark: Mark, seal: Seal) -> Stamp | None:
        """Carry it out; None where none is left. Raises SyncError."""
        name, subject = self._name(write.object), self.subject(write.object)
        before = self.vault.policy(name)
        found = None if before is None else _stamp(before)
        if not write.put and not write.drop:
            return found
        if found is not None and write.expected is None and not mark.same_owner(found.mark):
            problem = f"is there already and was written by {mark.author(found.mark)}"
            raise FixError(Reason.NOT_OWNED, subject, problem, f"delete it, or `syncd target adopt {self.target}`")
        if (found and found.version) != (write.expected and write.expected.version):
            raise WaitError(Reason.CONFLICT, subject, "was changed since it was looked at", "sync again")
        if not write.put:
            self.vault.delete_policy(name)
            return None
        text = rules(self.vault.mount, parts_of(write.put[""]), mark)
        self.vault.set_policy(name, text)
        if self.vault.policy(name) != text:
            raise WaitError(Reason.CONFLICT, subject, "was changed while it was written", "sync again")
        return _stamp(text)

    def _name(self, object_: str) -> str:
        return policy_name(self.target, self.prefix, object_.rpartition("/")[2])

    def _granted(self, text: str) -> Iterable[Place]:
        start = f"{self.vault.mount}/data/"
        for path, body in _RULE.findall(text):
            if path.startswith(start) and '"read"' in body:
                yield Place(path[len(start) :])


def _canonical(text: str) -> str:
    """Without comments of whole lines, and however it is indented."""
    return " ".join(" ".join(line for line in text.splitlines() if not line.lstrip().startswith("#")).split())


def _stamp(text: str) -> Stamp:
    first = text.partition("\n")[0]
    mark = None
    if first.startswith(_MARK):
        try:
            mark = read_mark(json.loads(first[len(_MARK) :]))
        except (ValueError, RecursionError):
            mark = None
    return Stamp(mark, hashlib.sha256(text.encode()).hexdigest()[:16])

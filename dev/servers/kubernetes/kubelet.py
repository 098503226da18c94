"""What the kubelet does with the Secrets that a pod mounts: there are no nodes here, so somebody has to do it."""

from __future__ import annotations

import base64
import secrets
import shutil
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from servers.kubernetes.client import Client
from servers.processes import Failed


class Mount:
    """A volume as the kubelet keeps it: files in a dated folder, `..data` a link to it, a link for each file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def swap(self, files: Mapping[str, bytes], mode: int = 0o644) -> None:
        """In the kubelet's order: the new folder, `..data` in one step, new links, then what is stale goes."""
        data = self.root / "..data"
        before = data.resolve() if data.is_symlink() else None
        held = {} if before is None else {file.name: file.read_bytes() for file in before.iterdir()}
        if before is not None and held == files:
            return
        folder = self.root / f"..{datetime.now(timezone.utc):%Y_%m_%d_%H_%M_%S}.{secrets.randbits(32)}"
        folder.mkdir()
        folder.chmod(0o755)
        for name, content in files.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(mode)
        (self.root / "..data_tmp").symlink_to(folder.name)
        (self.root / "..data_tmp").rename(data)
        for name in files:
            if not (self.root / name).is_symlink():
                (self.root / name).symlink_to(f"..data/{name}")
        for name in held.keys() - files.keys():
            (self.root / name).unlink(missing_ok=True)
        if before is not None:
            shutil.rmtree(before)


def project(client: Client, pod: Mapping[str, Any], volume: str, mount: Mount) -> None:
    """Bring a projected volume of Secrets up to date, as this client may read them.

    Raises Failed where one that isn't optional lacks, and OSError: what is mounted then stays as it is.
    """
    (projected,) = (one["projected"] for one in pod["spec"]["volumes"] if one["name"] == volume)
    files: dict[str, bytes] = {}
    for source in projected["sources"]:
        files |= _keys(client, pod["metadata"]["namespace"], **source["secret"])  # of the same key, the last one's
    mount.swap(files, projected["defaultMode"])


def _keys(client: Client, namespace: str, name: str, optional: bool = False) -> Mapping[str, bytes]:
    answer = client.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
    if answer.status == 404 and optional:
        return {}
    if answer.status != 200:
        raise Failed(f"the kubelet can't mount secret {namespace}/{name}: {answer.status}")
    return {key: base64.b64decode(content) for key, content in (answer.body.get("data") or {}).items()}

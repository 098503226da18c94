"""A directory: a file per document, or for Airflow's own LocalFilesystemBackend two files per deployment.

A file gets its name when it is whole and has its mode; no link is followed below the root.
"""

from __future__ import annotations

import ctypes
import errno
import grp
import hashlib
import json
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from syncd.core.documents import Mark, Observed, Place, Seal, Stamp, View, decode, encode, read_mark, view
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.layouts.airflow import AirflowFiles, file_value, found_document
from syncd.core.layouts.layered import Layered, written_document
from syncd.core.plan import Write
from syncd.targets.settings import TargetSettings

LAYOUTS = {"layered": Layered, "airflow": AirflowFiles}
"""The layouts that a directory holds, the default first."""


class Settings(TargetSettings):
    """type = "directory"."""

    path: str = Field(min_length=1)
    """The folder; it is made where only itself is missing."""

    group: str | None = None
    """Who may read: files 0640, folders 0750. None: nobody but the owner, 0600 and 0700."""


def opened(name: str, settings: Settings, prefix: str, home: Path) -> DirectoryTarget:
    """The target that these settings describe. Raises FixError for a group that the system doesn't know."""
    try:
        gid = None if settings.group is None else grp.getgrnam(settings.group).gr_gid
    except KeyError:
        raise FixError(
            Reason.INVALID_SETTINGS, f"targets.{name}.group", "is no group of this system", "make it, or name another"
        ) from None
    layout = LAYOUTS[settings.layout or next(iter(LAYOUTS))](prefix)
    return DirectoryTarget(name, layout, str(home / settings.path), gid)


def extent(settings: Settings, prefix: str, home: Path) -> str:
    """Where all that it writes lies: two targets whose extents are the same, or one in the other, overlap."""
    return os.path.realpath(home / settings.path / prefix)


_TEMPORARY = ".syncd~"
"""What is written before it has its name. No encoded id holds a `~`."""

_MANIFEST = ".syncd.json"
"""Beside Airflow's files, which have no room for a mark: whose they are, and what in them is secret."""


@dataclass(frozen=True)
class DirectoryTarget:
    """`gid` is the group that may read, None for nobody but the owner. The lease makes it one writer at a time."""

    name: str
    layout: Layered | AirflowFiles
    root: str
    gid: int | None = None

    def observe(self, objects: Collection[str] | None, seal: Seal) -> Observed:
        if not os.path.isdir(self.root):
            if os.path.isdir(os.path.dirname(self.root)):
                return Observed()
            raise WaitError(Reason.UNAVAILABLE, self.root, "isn't there, nor is its parent", "is the volume mounted?")
        with _opened_root(self.root) as root:
            found = _Findings(self.layout, seal)
            for name in sorted(_walk(root, self.layout.prefix) if objects is None else objects):
                _look(root, name, found)
            return Observed(found.views, found.stamps, found.unread)

    def write(self, writes: Sequence[Write], mark: Mark) -> Mapping[str, Stamp | SyncError | None]:
        results: dict[str, Stamp | SyncError | None] = {}
        try:
            with suppress(FileExistsError):
                os.mkdir(self.root, 0o700)
                _open_to_group(self.root, self.gid, 0o750)
            with _opened_root(self.root) as root:
                folder = _Folder(root, self.gid)
                for write in writes:
                    results[write.object] = self._write(folder, write, mark)
                folder.close()
                _flush(root)
        except SyncError as error:
            return dict.fromkeys((write.object for write in writes), error)
        except OSError as error:
            # What was renamed may not be on the disk: all of it counts as failed, and the next pass looks again.
            return dict.fromkeys((write.object for write in writes), _failure(self.root, error))
        return results

    def _write(self, folder: _Folder, write: Write, mark: Mark) -> Stamp | SyncError | None:
        parent, _, name = write.object.rpartition("/")
        try:
            folder.open(parent, create=bool(write.put))
            content = folder.read(name)
            version = None if content is None else _digest(content)
            if version != (write.expected.version if write.expected else None):
                return WaitError(Reason.CONFLICT, write.object, "was changed since it was looked at", "sync again")
            if not write.put and not write.drop:
                return write.expected
            if isinstance(self.layout, AirflowFiles):
                new = _patched(folder, write, content, mark)
            else:
                new = encode(write.put[""], mark).encode() if write.put else None
            if new is None:
                folder.remove(name)
                return None
            if new != content:
                folder.replace(name, new)
            return Stamp(mark, _digest(new))
        except FileNotFoundError:
            return None
        except SyncError as error:
            return error
        except OSError as error:
            return _failure(f"{self.root}/{write.object}", error)


class _Folder:
    """The folder that is written to, kept open from one write to the next of the same folder."""

    def __init__(self, root: int, gid: int | None) -> None:
        self._root, self._gid = root, gid
        self._path: str | None = None
        self._handle = -1

    def open(self, path: str, *, create: bool) -> None:
        if path == self._path:
            return
        self.close()
        self._handle = os.dup(self._root)
        for part in path.split("/"):
            try:
                inner = os.open(part, _FOLDER, dir_fd=self._handle)
            except FileNotFoundError:
                if not create:
                    raise
                inner = self._made(part)
            os.close(self._handle)
            self._handle = inner
        self._path = path
        with suppress(FileNotFoundError):
            os.unlink(_TEMPORARY, dir_fd=self._handle)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        if self._path is not None:
            self._leave_empty(self._path)
            self._path = None

    def read(self, name: str) -> bytes | None:
        return _content(self._handle, name)

    def replace(self, name: str, content: bytes) -> None:
        """Give a file its new content in one step, with its mode and group from the start."""
        handle = os.open(_TEMPORARY, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=self._handle)
        try:
            try:
                _open_to_group(handle, self._gid, 0o640)
                _write_all(handle, content)
            finally:
                os.close(handle)
            os.rename(_TEMPORARY, name, src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except OSError:
            with suppress(OSError):
                os.unlink(_TEMPORARY, dir_fd=self._handle)
            raise

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._handle)

    def _made(self, part: str) -> int:
        os.mkdir(part, 0o700, dir_fd=self._handle)
        inner = os.open(part, _FOLDER, dir_fd=self._handle)
        _open_to_group(inner, self._gid, 0o750)
        return inner

    def _leave_empty(self, path: str) -> None:
        # From the inside out; the first that isn't empty ends it.
        parts = path.split("/")
        with suppress(OSError):
            while parts:
                parent = os.dup(self._root)
                try:
                    for part in parts[:-1]:
                        inner = os.open(part, _FOLDER, dir_fd=parent)
                        os.close(parent)
                        parent = inner
                    os.rmdir(parts[-1], dir_fd=parent)
                finally:
                    os.close(parent)
                parts.pop()


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class _Findings:
    """What was seen so far. Files of the same content are looked at once."""

    def __init__(self, layout: Layered | AirflowFiles, seal: Seal) -> None:
        self.layout, self.seal = layout, seal
        self.views: dict[Place, View] = {}
        self.stamps: dict[str, Stamp] = {}
        self.unread: dict[str, SyncError] = {}
        self.alike: dict[tuple[str, Any], tuple[Mark | None, View]] = {}
        self.manifests: dict[str, Mapping[str, Any]] = {}


def _look(root: int, name: str, found: _Findings) -> None:
    try:
        content = _content(root, name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except SyncError as error:
        found.unread[name] = error
        return
    except OSError as error:
        found.unread[name] = _failure(name, error)
        return
    if content is None:
        return
    if isinstance(found.layout, AirflowFiles):
        _look_at_airflow_file(root, name, content, found)
    else:
        _look_at_document(name, content, found)


def _look_at_document(name: str, content: bytes, found: _Findings) -> None:
    place, digest = Place(name), _digest(content)
    item = found.layout.item(place)
    seen = found.alike.get((digest, item and item[1:]))
    if seen is None:
        try:
            mark, inner = decode(_object(content), name)
            seen = (mark, view(written_document(item, inner), found.seal))
        except FixError:
            seen = (None, {})
        found.alike[digest, item and item[1:]] = seen
    found.views[place] = seen[1]
    found.stamps[name] = Stamp(seen[0], digest)


def _look_at_airflow_file(root: int, name: str, content: bytes, found: _Findings) -> None:
    parent, _, file = name.rpartition("/")
    if parent not in found.manifests:
        manifest = _content(root, f"{parent}/{_MANIFEST}")
        found.manifests[parent] = _objects(manifest)
    entry = found.manifests[parent].get(file, {})
    found.stamps[name] = Stamp(read_mark(entry.get("mark")), _digest(content))
    found.views[Place(name)] = {}
    for id_, value in _object(content).items():
        place = Place(name, id_)
        secrets = [tuple(path) for path in entry.get("secrets", {}).get(id_, ())]
        found.views[place] = view(found_document(place, value, secrets), found.seal)


def _patched(folder: _Folder, write: Write, content: bytes | None, mark: Mark) -> bytes | None:
    """The file with this write's keys put and dropped, or None where nothing is left of it. The manifest goes first
    where the file stays and last where it goes, so that a file of ours is never without its mark."""
    name = write.object.rpartition("/")[2]
    manifest = folder.read(_MANIFEST)
    objects = dict(_objects(manifest))
    values = {key: value for key, value in _object(content or b"{}").items() if key not in write.drop}
    secrets = {key: paths for key, paths in objects.get(name, {}).get("secrets", {}).items() if key in values}
    for key, document in write.put.items():
        if key:
            values[key] = file_value(Place(write.object, key), document)
            secrets[key] = sorted(list(path) for path in document.secret)
    if "" in write.drop and not values:
        folder.remove(name)
        objects.pop(name, None)
        if objects:
            folder.replace(_MANIFEST, _json({"format": 1, "objects": objects}))
        else:
            folder.remove(_MANIFEST)
        return None
    objects[name] = {"mark": mark._asdict(), "secrets": secrets}
    folder.replace(_MANIFEST, _json({"format": 1, "objects": objects}))
    return _json(dict(sorted(values.items())))


def _objects(manifest: bytes | None) -> Mapping[str, Any]:
    objects = _object(manifest or b"{}").get("objects", {})
    return objects if isinstance(objects, dict) and all(isinstance(entry, dict) for entry in objects.values()) else {}


def _object(content: bytes) -> dict[str, Any]:
    """The JSON object that a file holds; an empty one for anything else."""
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _walk(root: int, prefix: str) -> Iterator[str]:
    """Every file below the prefix but our own helpers, as a path from the root."""
    pending = [f"{prefix}/deployments"]
    while pending:
        folder = pending.pop()
        try:
            handle = os.open(folder, _FOLDER, dir_fd=root)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            with os.scandir(handle) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{folder}/{entry.name}")
                    elif entry.name not in (_TEMPORARY, _MANIFEST):
                        yield f"{folder}/{entry.name}"
        finally:
            os.close(handle)


def _content(folder: int, name: str) -> bytes | None:
    """What a file holds; None where there is none. Raises FixError for anything that isn't a plain file."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise FixError(Reason.NOT_OWNED, name, "is no plain file", "move it away")
        return os.read(handle, status.st_size + 1) if status.st_size < 1 << 20 else _read_all(handle)
    finally:
        os.close(handle)


def _read_all(handle: int) -> bytes:
    parts = []
    while part := os.read(handle, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _write_all(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _open_to_group(file: int | str, gid: int | None, mode: int) -> None:
    if gid is not None:
        os.chown(file, -1, gid)
        os.chmod(file, mode)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _flush(folder: int) -> None:
    # One flush of the file system for a whole batch costs less than an fsync per file.
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        os.sync()
    elif libc.syncfs(folder) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def _opened_root(path: str) -> Iterator[int]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _failure(path, error) from None
    try:
        yield handle
    finally:
        os.close(handle)


_LINKS = (errno.ELOOP, errno.ENOTDIR)


def _failure(path: str, error: OSError) -> SyncError:
    problem = os.strerror(error.errno or 0)
    if isinstance(error, PermissionError):
        return FixError(Reason.ACCESS_DENIED, path, problem, "let the user that runs syncd write there")
    if error.errno in _LINKS:
        return FixError(Reason.NOT_OWNED, path, "a link or a file stands where a folder should be", "move it away")
    if error.errno == errno.ENAMETOOLONG:
        return FixError(Reason.NOT_HOLDABLE, path, problem, "give it a shorter id")
    return WaitError(Reason.UNAVAILABLE, path, problem)

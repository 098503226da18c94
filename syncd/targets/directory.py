"""A directory: a file per document, or for Airflow's own LocalFilesystemBackend two files per deployment.

A file gets its name when it is whole and has its mode; no link is followed below the root.
"""

from __future__ import annotations

import grp
import hashlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from syncd.core.documents import Document, Mark, Observed, Place, Seal, Stamp, View, decode, encode, view
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.layouts.airflow import AirflowFiles
from syncd.core.layouts.layered import Layered, written_document
from syncd.core.model import Item
from syncd.core.plan import Write
from syncd.targets import airflow_files, files
from syncd.targets.airflow_files import MANIFEST, Entry
from syncd.targets.files import File, Folder
from syncd.targets.settings import TargetSettings, at

LAYOUTS: Mapping[str, type[Layered | AirflowFiles]] = {layout.name: layout for layout in (Layered, AirflowFiles)}
"""The layouts that a directory holds."""


class Settings(TargetSettings):
    """type = "directory"."""

    layout: str = Layered.name

    path: str = Field(min_length=1)
    """The folder; it is made where only itself is missing."""

    group: str | None = None
    """Who may read: files 0640, folders 0750. None: nobody but the owner, 0600 and 0700."""


def opened(name: str, settings: Settings, prefix: str, home: Path, environ: Mapping[str, str]) -> DirectoryTarget:
    """The target that these settings describe. Raises FixError for a group that the system doesn't know."""
    try:
        gid = None if settings.group is None else grp.getgrnam(settings.group).gr_gid
    except KeyError:
        raise FixError(
            Reason.INVALID_SETTINGS, f"targets.{name}.group", "is no group of this system", "make it, or name another"
        ) from None
    layout = LAYOUTS[settings.layout](prefix)
    return DirectoryTarget(name, layout, str(at(home, settings.path)), gid)


def extent(settings: Settings, prefix: str, home: Path) -> str:
    """Where all that it writes lies: two targets whose extents are the same, or one in the other, overlap."""
    return os.path.realpath(at(home, settings.path) / prefix)


@dataclass(frozen=True)
class DirectoryTarget:
    """`gid` is the group that may read, None for nobody but the owner. The lease makes it one writer at a time."""

    name: str
    layout: Layered | AirflowFiles
    root: str
    gid: int | None = None

    @property
    def where(self) -> str:
        return f"{os.path.realpath(self.root)}/{deployments(self.layout)}, layout {self.layout.name}"

    def observe(self, objects: Collection[str] | None, seal: Seal) -> Observed:
        look = _Look(self, seal)
        with files.root(self.root) as root:
            if root is not None and objects is None:
                look.everywhere(root)
            elif root is not None:
                look.at(root, objects or ())
        return Observed(look.views, look.stamps, look.unread)

    def refuses(self, name: str) -> SyncError | None:
        return None  # a look tells

    def write(self, writes: Sequence[Write], mark: Mark, seal: Seal) -> Mapping[str, Stamp | SyncError | None]:
        try:
            make = any(write.put and write.expected is None for write in writes)
            with files.root(self.root, make=make, gid=self.gid) as root:
                if root is None:
                    return {write.object: _conflict(write) if write.put else None for write in writes}
                with closing(Folder(root, deployments(self.layout), self.gid)) as folder:
                    writer = _Writer(self, folder, mark, seal)
                    results = {write.object: writer.write(write) for write in writes}
                if folder.changed:
                    files.flush(root)
                return results
        except SyncError as error:
            return dict.fromkeys((write.object for write in writes), error)
        except OSError as error:
            # What was renamed may not be on the disk: all of it counts as failed, and the next pass looks again.
            return dict.fromkeys((write.object for write in writes), files.failure(self.root, error))


def deployments(layout: Layered | AirflowFiles) -> str:
    """The folder that holds a folder per deployment."""
    return f"{layout.prefix}/deployments"


class _Version:
    """The version of a content: a keyed digest, since it is kept, and a plain one lets a weak password be guessed."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._known: dict[bytes, str] = {}

    def __call__(self, content: bytes) -> str:
        version = self._known.get(content)
        if version is None:
            version = self._known[content] = self._seal(hashlib.sha256(content).hexdigest())
        return version


class _Look:
    """What was seen so far. Files of the same content are looked at once."""

    def __init__(self, target: DirectoryTarget, seal: Seal) -> None:
        self._target, self._layout, self._seal = target, target.layout, seal
        self._version = _Version(seal)
        self._alike: dict[tuple[bytes, tuple[str, str] | None], tuple[Mark | None, View]] = {}
        self.views: dict[Place, View] = {}
        self.stamps: dict[str, Stamp] = {}
        self.unread: dict[str, SyncError] = {}

    def everywhere(self, root: int) -> None:
        """Look at all below the prefix."""
        path = deployments(self._layout)
        try:
            with files.opened(path, root) as folder:
                self._below(folder, path, depth=2)
        except FileNotFoundError:
            return
        except OSError as error:
            raise files.failure(f"{self._target.root}/{path}", error) from None

    def at(self, root: int, objects: Collection[str]) -> None:
        """Look at these."""
        names: dict[str, list[str]] = {}
        for one in sorted(objects):
            path, _, name = one.rpartition("/")
            names.setdefault(path, []).append(name)
        for path, some in names.items():
            try:
                with files.opened(path, root) as folder:
                    self._in(folder, path, some)
            except FileNotFoundError:
                continue
            except OSError as error:
                self.unread |= {f"{path}/{name}": self._failure(path, error) for name in some}

    def _below(self, folder: int, path: str, depth: int) -> None:
        names, folders = files.listed(folder)
        self._in(folder, path, names)
        for name in folders if depth else ():
            inner = f"{path}/{name}"
            try:
                with files.opened(name, folder) as handle:
                    self._below(handle, inner, depth - 1)
            except FileNotFoundError:
                continue
            except OSError as error:
                self.unread[inner] = self._failure(inner, error)

    def _in(self, folder: int, path: str, names: Iterable[str]) -> None:
        places = {}
        for name in names:
            place = Place(f"{path}/{name}")
            item = self._layout.item(place)
            if item is not None or place in self._layout.plates(self._layout.deployment(place)):
                places[place] = item
        if not places:  # nothing that this layout could have put there
            return
        try:
            entries = _manifest(files.read(folder, MANIFEST), path) if isinstance(self._layout, AirflowFiles) else {}
        except (OSError, FixError) as error:
            failure = error if isinstance(error, FixError) else self._failure(f"{path}/{MANIFEST}", error)
            self.unread |= dict.fromkeys((place.object for place in places), failure)
            return
        for place, item in places.items():
            name = place.object.rpartition("/")[2]
            try:
                file = files.read(folder, name)
                if file is not None:
                    self._file(place, item, file, entries.get(name, Entry()))
            except OSError as error:
                self.unread[place.object] = self._failure(place.object, error)
            except FixError as error:
                self.unread[place.object] = error

    def _file(self, place: Place, item: Item | None, file: File, entry: Entry) -> None:
        if isinstance(self._layout, AirflowFiles):
            mark = entry.mark
            self.views |= airflow_files.views(place.object, file.content, entry, self._seal)
        else:
            mark, self.views[place] = self._document(place, item, file.content)
        if not file.kept_from(self._target.gid):
            # A difference like any other: a group that is named later gets its files, and what was opened is closed.
            self.views[place] = {**self.views[place], ("mode",): f'"{file.mode & 0o777:04o}"'}
        self.stamps[place.object] = Stamp(mark, self._version(file.content))

    def _document(self, place: Place, item: Item | None, content: bytes) -> tuple[Mark | None, View]:
        alike = (content, item and item[1:])
        if alike not in self._alike:
            try:
                mark, inner = decode(airflow_files.parsed(content), place.object)
                self._alike[alike] = (mark, view(written_document(item, inner), self._seal))
            except (FixError, RecursionError) as error:
                if isinstance(error, FixError) and error.reason is Reason.NEWER_DOCUMENT:
                    raise
                self._alike[alike] = (None, {})
        return self._alike[alike]

    def _failure(self, path: str, error: OSError) -> SyncError:
        return files.failure(f"{self._target.root}/{path}", error)


class _Writer:
    """The writes of a batch, one by one; a document that several of them put is encoded once."""

    def __init__(self, target: DirectoryTarget, folder: Folder, mark: Mark, seal: Seal) -> None:
        self._target, self._folder, self._mark = target, folder, mark
        self._version = _Version(seal)
        self._encoded: dict[Document, bytes] = {}

    def write(self, write: Write) -> Stamp | SyncError | None:
        try:
            return self._write(write)
        except OSError as error:
            return files.failure(f"{self._target.root}/{write.object}", error)
        except FixError as error:
            return error

    def _write(self, write: Write) -> Stamp | SyncError | None:
        path, _, name = write.object.rpartition("/")
        there = self._folder.enter(path)
        file = self._folder.read(name) if there else None
        if file is None and not write.put:
            if there:
                self._gone(write.object)
            return None
        version = None if file is None else self._version(file.content)
        if version != (write.expected and write.expected.version):
            return _conflict(write)
        if not write.put and not write.drop:
            return write.expected
        if not there:
            self._folder.enter(path, make=True)
        if isinstance(self._target.layout, AirflowFiles):
            return self._patch(self._target.layout, write, name, file)
        if write.put:
            return self._put(name, self._document(write.put[""]), file)
        self._gone(write.object)
        return None

    def _document(self, document: Document) -> bytes:
        content = self._encoded.get(document)
        if content is None:
            content = self._encoded[document] = encode(document, self._mark).encode()
        return content

    def _patch(self, layout: AirflowFiles, write: Write, name: str, file: File | None) -> Stamp | None:
        """The manifest goes first where the file stays, so that a file of ours is never without its mark."""
        manifest = self._folder.read(MANIFEST)
        entries = _manifest(manifest, write.object.rpartition("/")[0])
        content = b"{}" if file is None else file.content
        patch = airflow_files.patched(layout, write, content, entries.get(name, Entry()), self._mark)
        if patch is None:
            self._gone(write.object)
            return None
        content, entries[name] = patch
        self._put(MANIFEST, airflow_files.write_manifest(entries), manifest, lasting=True)
        return self._put(name, content, file, lasting=True)

    def _put(self, name: str, content: bytes, old: File | None, *, lasting: bool = False) -> Stamp:
        if old is None or old.content != content or not old.kept_from(self._target.gid):
            self._folder.replace(name, content, lasting=lasting)
        return Stamp(self._mark, self._version(content))

    def _gone(self, object_: str) -> None:
        """Remove a file, then what the manifest says of it."""
        path, _, name = object_.rpartition("/")
        self._folder.remove(name)
        if not isinstance(self._target.layout, AirflowFiles):
            return
        manifest = self._folder.read(MANIFEST)
        entries = _manifest(manifest, path)
        if entries.pop(name, None) is None:
            return
        if entries:
            self._put(MANIFEST, airflow_files.write_manifest(entries), manifest, lasting=True)
        else:
            self._folder.remove(MANIFEST)


def _conflict(write: Write) -> SyncError:
    return WaitError(Reason.CONFLICT, write.object, "was changed since it was looked at", "sync again")


def _manifest(file: File | None, path: str) -> dict[str, Entry]:
    return airflow_files.read_manifest(None if file is None else file.content, f"{path}/{MANIFEST}")

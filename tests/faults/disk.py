"""A disk that forgets what was not synced, or refuses to work: SQLite's own file layer, with three of its functions
(write, truncate, sync) led through here.

    disk = Disk.under_sqlite()                        # every connection of this process from now on
    disk.cut_after(7, folder, said)                   # at the 7th write: what a power failure leaves is in `folder`
    disk.refuse(write=FULL, after=3)                  # after three more operations every write fails

A write stays in the memory of the machine until it is synced; what was not synced may be on the disk in any part.
For a process of its own only (`hitl_core.testing.processes`): the layer stays under SQLite until the process ends.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

from hitl_core.testing.crashing import die

IOERR_WRITE: Final = 778
IOERR_FSYNC: Final = 1034
FULL: Final = 13

_Int, _Long, _Pointer = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
_OPEN = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Pointer, _Int, _Pointer)
_WRITE = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Int, _Long)
_TRUNCATE = ctypes.CFUNCTYPE(_Int, _Pointer, _Long)
_SYNC = ctypes.CFUNCTYPE(_Int, _Pointer, _Int)


class _Layer(ctypes.Structure):
    """`sqlite3_vfs`, version 3 (sqlite3.h)."""

    _fields_ = (
        ("version", _Int),
        ("size", _Int),
        ("longest", _Int),
        ("next", _Pointer),
        ("name", ctypes.c_char_p),
        ("data", _Pointer),
        ("open", _Pointer),
        ("others", _Pointer * 14),
    )


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3 (sqlite3.h)."""

    _fields_ = (
        ("version", _Int),
        ("close", _Pointer),
        ("read", _Pointer),
        ("write", _Pointer),
        ("truncate", _Pointer),
        ("sync", _Pointer),
        ("others", _Pointer * 13),
    )


class _File:
    """What was written to a file, and what of it is on the disk for certain."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept = bytearray(path.read_bytes() if path.exists() else b"")
        self.since: list[tuple[int, bytes | None]] = []

    def sync(self) -> None:
        _apply(self.kept, self.since)
        self.since = []

    def after_a_cut(self) -> bytes:
        """What is there when the power comes back: of what was not synced, any part."""
        left = bytearray(self.kept)
        _apply(left, [each for each in self.since if random.random() < 0.5])
        return bytes(left)


def _apply(to: bytearray, changes: list[tuple[int, bytes | None]]) -> None:
    for at, data in changes:
        if data is None:
            del to[at:]
            continue
        to.extend(bytes(max(0, at + len(data) - len(to))))
        to[at : at + len(data)] = data


class Disk:
    """The layer, once it is under SQLite."""

    def __init__(self) -> None:
        library = ctypes.CDLL(_sqlite3.__file__)
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Layer)
        below = library.sqlite3_vfs_find(None).contents
        self._layer = _Layer.from_buffer_copy(below)
        self._below_open = _OPEN(below.open)
        self._files: dict[str, _File] = {}
        self._beside: dict[str, _File] = {}
        self._handles: dict[int, _File] = {}
        self._below: dict[int, _Methods] = {}
        self._methods: dict[int, _Methods] = {}
        self._callbacks = (_OPEN(self._open), _WRITE(self._write), _TRUNCATE(self._truncate), _SYNC(self._sync))
        self._layer.name = b"hitl-disk"
        self._layer.open = _address(self._callbacks[0])
        library.sqlite3_vfs_register(ctypes.byref(self._layer), 1)
        self.writes = self.syncs = 0
        self._cut: Callable[[], None] | None = None
        self._cut_at = -1
        self._refusals: tuple[int, int] = (0, 0)
        self._refuse_from = -1

    @classmethod
    def under_sqlite(cls) -> Self:
        """Put it there. Raises OSError where SQLite is not a library that can be reached."""
        return cls()

    def cut_after(self, writes: int, folder: Path, said: Callable[[], None]) -> None:
        """Before that write, leave in `folder` what a power failure would leave, call `said`, and end the process."""

        def cut() -> None:
            for name, file in {**self._files, **self._beside}.items():
                if file.path.exists():  # what was deleted is taken to be gone at once
                    (folder / Path(name).name).write_bytes(file.after_a_cut())
            said()
            die()

        self._cut, self._cut_at = cut, self.writes + writes

    def refuse(self, *, write: int = 0, sync: int = 0, after: int = 0) -> None:
        """From the n-th operation on, fail with these codes of SQLite; 0 lets it through."""
        self._refusals, self._refuse_from = (write, sync), self.writes + self.syncs + after

    def heal(self) -> None:
        self._refuse_from = -1

    @property
    def operations(self) -> int:
        return self.writes + self.syncs

    def _refused(self, kind: int) -> int:
        return self._refusals[kind] if 0 <= self._refuse_from < self.operations else 0

    def keep_beside(self, *paths: Path) -> None:
        """Files that Python writes: of them too is kept what was synced (`os.fsync`), and maybe more."""
        sync = os.fsync

        def synced(fd: int) -> None:
            sync(fd)
            name = os.readlink(f"/proc/self/fd/{fd}")
            if name in self._beside:
                self._beside[name].kept = bytearray(Path(name).read_bytes())

        os.fsync = synced  # type: ignore[assignment]  # its argument may be more than a number
        self._beside |= {str(path): _File(path) for path in paths}

    # ── what SQLite calls ────────────────────────────────────────────────────────────────────────────────────

    def _open(self, layer: Any, name: int | None, file: int, flags: int, said: Any) -> int:
        """SQLite goes on to use `name` where it stands: a copy would be gone when it names the file's index by it."""
        path = None if name is None else os.fsdecode(ctypes.string_at(name))
        new = path is not None and not Path(path).exists()
        code = int(self._below_open(layer, name, file, flags, said))
        pointer = ctypes.cast(file, ctypes.POINTER(_Pointer)).contents
        if code == 0 and path is not None and pointer.value is not None:
            if new or path not in self._files:
                self._files[path] = _File(Path(path))
            self._handles[file] = self._files[path]
            pointer.value = ctypes.addressof(self._led(pointer.value))
        return code

    def _led(self, address: int) -> _Methods:
        """A table of methods like the one at `address`, with three of them led through here."""
        if address not in self._methods:
            table = _Methods.from_buffer_copy((ctypes.c_char * ctypes.sizeof(_Methods)).from_address(address))
            self._methods[address] = _Methods.from_buffer_copy(table)
            made = self._methods[address]
            made.write, made.truncate, made.sync = map(_address, self._callbacks[1:])
            self._below[ctypes.addressof(made)] = table
        return self._methods[address]

    def _original(self, file: int) -> _Methods:
        return self._below[ctypes.cast(file, ctypes.POINTER(_Pointer)).contents.value or 0]

    def _write(self, file: int, data: int, size: int, at: int) -> int:
        self.writes += 1
        if self._cut is not None and self.writes >= self._cut_at:
            self._cut()
        if code := self._refused(0):
            return code
        self._handles[file].since.append((at, ctypes.string_at(data, size)))
        return int(_WRITE(self._original(file).write)(file, data, size, at))

    def _truncate(self, file: int, size: int) -> int:
        self._handles[file].since.append((size, None))
        return int(_TRUNCATE(self._original(file).truncate)(file, size))

    def _sync(self, file: int, flags: int) -> int:
        self.syncs += 1
        if code := self._refused(1):
            return code
        self._handles[file].sync()
        return 0


def _address(function: Any) -> int:
    return ctypes.cast(function, _Pointer).value or 0

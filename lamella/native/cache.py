"""Compiled code kept on disk between runs.

An entry is one file: MAGIC, the SHA-256 of key and data, the data. It is written beside its place
and renamed. Whatever cannot be read, or does not check, counts as absent; whatever cannot be
written is not kept. Nothing here raises.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
from pathlib import Path

MAGIC = b"lamella code 1\n\0"
CHECKSUM_BYTES = 32
SUFFIX = ".code"
MAX_BYTES = 512 << 20

log = logging.getLogger("lamella.native")


def folder() -> Path | None:
    """Where entries are kept; None when LAMELLA_CACHE=0."""
    if os.environ.get("LAMELLA_CACHE") == "0":
        return None
    if chosen := os.environ.get("LAMELLA_CACHE_DIR"):
        return Path(chosen)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "lamella"
    home = Path(os.path.expanduser("~"))
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "lamella"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home)) / "lamella"
    return home / ".cache" / "lamella"


def read(key: str) -> bytes | None:
    """The data written under `key` (a name safe for files), or None."""
    place = folder()
    if place is None:
        return None
    try:
        entry = (place / f"{key}{SUFFIX}").read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        log.debug("cache: cannot read %s: %s", key, error)
        return None
    head = len(MAGIC) + CHECKSUM_BYTES
    data = entry[head:]
    if entry[:head] != MAGIC + _checksum(key, data):
        log.debug("cache: %s in %s is damaged or foreign, ignored", key, place)
        return None
    return data


def write(key: str, data: bytes) -> None:
    """Keep `data` under `key`."""
    place = folder()
    if place is None:
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place, prefix=f"{key[:8]}-", suffix=".new")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC + _checksum(key, data) + data)
            os.replace(name, place / f"{key}{SUFFIX}")
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        log.debug("cache: cannot write to %s: %s", place, error)


def size() -> tuple[int, int]:
    """How many entries there are, and their bytes."""
    entries = _entries()
    return len(entries), sum(nbytes for _, nbytes, _ in entries)


def clear() -> None:
    """Remove all entries."""
    _remove(path for _, _, path in _entries())


def trim(limit: int = MAX_BYTES) -> None:
    """When the entries take more than `limit` bytes, remove the oldest until half of it is free."""
    entries = sorted(_entries(), reverse=True)
    if sum(nbytes for _, nbytes, _ in entries) <= limit:
        return
    kept, oldest = 0, []
    for _, nbytes, path in entries:
        kept += nbytes
        if kept > limit // 2:
            oldest.append(path)
    _remove(oldest)
    log.debug("cache: removed the %d oldest entries", len(oldest))


def _checksum(key: str, data: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + data).digest()


def _entries() -> list[tuple[float, int, str]]:
    """(time written, bytes, path) of every entry, and of what interrupted writes left behind."""
    place = folder()
    found: list[tuple[float, int, str]] = []
    if place is None:
        return found
    try:
        with os.scandir(place) as files:
            for file in files:
                if file.name.endswith((SUFFIX, ".new")):
                    stat = file.stat()
                    found.append((stat.st_mtime, stat.st_size, file.path))
    except OSError as error:
        log.debug("cache: cannot list %s: %s", place, error)
    return found


def _remove(paths) -> None:
    for path in paths:
        try:
            os.unlink(path)
        except OSError as error:
            log.debug("cache: cannot remove %s: %s", path, error)

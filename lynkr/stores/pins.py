"""Where conversations are: one table of pins for all workers of a host, in memory they share.

To look up or keep a pin is some hundred nanoseconds: no lock, no wait, no call of the system
(``_native/pins.pyx``). Losing pins costs fresh decisions and nothing else, so whatever is wrong
with the memory reads as absent.

The table is a file that each worker maps, and belongs into a file system in memory (``at_hand``):

- a disk's file system waits for its journal when a page is first written to after it was saved,
  each half minute; memory does not;
- to write to a mapped page for which there is no room kills a process (SIGBUS). So all room is
  taken when the file is made (4 MB), and a file system that will not promise it is refused. Not
  a page beyond the first is touched by that: a process's memory grows with the pins it meets.

A file is replaced, never repaired: by a new one, complete before it gets its name, while a lock on
the folder keeps other workers from doing the same. It must not be cut short while it is open.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import stat
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lynkr._native.pins import TAKEN, Slots
from lynkr.policies.routing.facts import Pin

SLOTS = 65_536  # 4 MB; each pin that is pushed out costs one decision
TTL_S = 6 * 3600.0
RETELL_S = 60.0  # how much other hosts may be behind with ``last_s`` of a busy conversation
SLOT_BYTES = 64
MEMORY = Path("/dev/shm")  # noqa: S108 - the folder below it is checked

_HEADER = struct.Struct("=8sIIQ")  # magic, version, bytes of a slot, slots
_HEADER_BYTES = mmap.PAGESIZE
_VERSION = 1
_READ_BYTES = 64 * 1024  # at once, to count
_LOCK_S = 5.0  # for the folder; another worker needs some milliseconds
_LOCK_POLL_S = 0.005
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Pins:
    """The pins of a host.

    Made before the workers are forked, all of them share it whatever becomes of the file; each may
    also open it by itself. ``path`` "": memory of this process and of those forked from it.
    ``OSError`` if the file can neither be used nor replaced, or has no room.
    """

    _fd = -1

    def __init__(
        self,
        path: str | Path = "",
        *,
        slots: int = SLOTS,
        ttl_s: float = TTL_S,
        retell_s: float = RETELL_S,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.path = str(path)
        self.ttl_s = ttl_s
        # Told what other hosts should ``hear``, when a pin was kept. It must not wait or raise.
        self.tell: Callable[[bytes, bytes], object] | None = None
        self._wall = wall
        self._size = _HEADER_BYTES + slots * SLOT_BYTES
        header = _HEADER.pack(b"lynkrpin", _VERSION, SLOT_BYTES, slots)
        self._fd = _file(Path(path), header, self._size) if path else _memory(self._size)
        memory = mmap.mmap(self._fd, self._size)  # shared, to be read and written
        self._slots: Slots[Pin] = Slots(memory, _HEADER_BYTES, Pin, ttl_s, retell_s)

    def __del__(self) -> None:
        self.close()

    @property
    def evicted_total(self) -> int:
        """Pins that this process pushed out of full buckets."""
        return self._slots.evicted_total

    def find(self, key: bytes) -> Pin | None:
        """The pin of a conversation. ``key``: a digest of 16 bytes, salted with whose it is."""
        return self._slots.find(key, self._wall())

    def keep(self, key: bytes, pin: Pin) -> None:
        """Every worker finds it from now on. A pin of an earlier decision than the one that is
        there is not kept. ``ValueError`` for a tier that is none."""
        news = self._slots.keep(key, pin, self._wall())
        if news is not None and self.tell is not None:
            self.tell(key, news)

    def hear(self, news: bytes) -> int:
        """What another host's ``keep`` told: ``TAKEN``, ``KNOWN`` or ``UNREADABLE``."""
        return self._slots.hear(news, self._wall())

    def forget(self, key: bytes) -> None:
        """On this host; another one that goes on with the conversation brings it back."""
        self._slots.forget(key)

    def count(self) -> int:
        """Pins that have not expired: some milliseconds, for a scrape and not for a call."""
        now_s = self._wall()
        return sum(
            self._slots.living(os.pread(self._fd, _READ_BYTES, at), now_s)
            for at in range(_HEADER_BYTES, self._size, _READ_BYTES)
        )

    def lead(self) -> bool:
        """Whether this process is the one that does for all what one can do. The system gives the
        part to another one when the process ends, however it ends."""
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (OSError, ValueError):  # another process does; this table is closed
            return False
        return True

    def close(self) -> None:
        """Give up the lead, and counting. Pins are found and kept as long as this object lives."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def at_hand(
    state_dir: Path,
    *,
    ttl_s: float = TTL_S,
    failed: Callable[[str], object] = lambda message: None,
) -> Pins:
    """The table of the gateway with this state folder, in memory; it outlives a restart.

    Where there is no such file system, or no room in it, the memory is this process's own and that
    of the workers forked from it; ``failed`` is told why.
    """
    name = hashlib.blake2b(bytes(state_dir.absolute()), digest_size=8).hexdigest()
    folder = MEMORY / f"lynkr-{os.geteuid()}"
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077 or not _mine(found):
            raise PermissionError(f"{folder} belongs to others too")
        return Pins(folder / f"{name}.pins", ttl_s=ttl_s)
    except OSError as error:
        failed(f"conversations are kept until the gateway ends: {error}")
        return Pins(ttl_s=ttl_s)


def _mine(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid()


def _memory(size: int) -> int:
    fd = os.memfd_create("lynkr-pins", os.MFD_CLOEXEC)
    os.ftruncate(fd, size)  # no file system that could be full; taken as it is used
    return fd


def _file(path: Path, header: bytes, size: int) -> int:
    """The open file, as others have made it or made now."""
    fd = _opened(path, header, size)
    if fd is not None:
        return fd
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(path.parent):
        fd = _opened(path, header, size)  # while this one waited
        return _made(path, header, size) if fd is None else fd


def _opened(path: Path, header: bytes, size: int) -> int | None:
    """None for a file that is not there, is not of this layout or may be somebody else's too."""
    try:
        fd = os.open(path, _FLAGS)
    except OSError:
        return None
    found = os.fstat(fd)
    if (
        stat.S_ISREG(found.st_mode)
        and stat.S_IMODE(found.st_mode) == 0o600
        and _mine(found)
        and found.st_nlink == 1
        and found.st_size == size
        and _has_room(found)
        and os.pread(fd, len(header), 0) == header
    ):
        return fd
    os.close(fd)
    return None


def _has_room(found: os.stat_result) -> bool:
    return found.st_blocks * 512 >= found.st_size  # 512: POSIX, whatever the file system's own


def _made(path: Path, header: bytes, size: int) -> int:
    fresh = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()  # of one who was killed here
    fd = os.open(fresh, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(fd, 0o600)  # whatever the umask
        os.posix_fallocate(fd, 0, size)
        os.pwrite(fd, header, 0)
        if not _has_room(os.fstat(fd)):
            raise OSError(f"the file system of {path} does not keep room free for a file")
        fresh.rename(path)
    except BaseException:
        os.close(fd)
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    return fd


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only at a start, and not for ever: one that was stopped while it held the lock is passed."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + _LOCK_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError(f"{folder} is locked by another process") from None
                time.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(fd)


__all__ = ["RETELL_S", "SLOTS", "TAKEN", "TTL_S", "Pin", "Pins", "at_hand"]

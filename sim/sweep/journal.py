"""The store of a sweep: nothing finished is lost, whatever stops the program, and nothing is kept twice.

Layout of ``<out>/<scenario>-<id>/``::

    sweep.json              what was asked for, and the id of what came of it
    design.parquet          one row per run: variant, sample, replicate, values
    <variant>/              one folder per resolved scenario, laid out as a run of ``monazite run``
        scenario.resolved.yaml, arrays.zarr, tables/*.parquet, manifest.json (written last)
    errors/<run>.txt        why a run failed, and the command that repeats it
    summary.json            written last: the sweep is complete; sizes and checksums of all but the blocks
    journal.jsonl           one line per finished block with sizes and checksums, appended
    timings.jsonl, origin.json, lock, holder

All but the last two lines is the same to the byte for the same sweep, whatever happened on the way. A file
is written beside its place, flushed to the disk and renamed; a block counts once its line is in the journal.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sim.errors import MonaziteError
from sim.files import append_only, check_inside, make_folder, read_bytes
from sim.files import write_whole as write_file
from sim.paths import shown
from sim.results.store import ARRAYS
from sim.sweep.encode import block_file
from sim.sweep.plan import Block, Plan
from sim.sweep.stored import Entry, checksum, read_journal, read_summary
from sim.sweep.work import Result

__all__ = [
    "NOT_COMPARED", "Entry", "Store", "StoreError", "checksum", "free_bytes", "preview", "read_journal",
    "write_file",
]  # fmt: skip

NOT_COMPARED = ("journal.jsonl", "timings.jsonl", "origin.json", "lock", "holder")
"""Files that tell of the way and not of the result."""
PARTIAL = ".part"
LONGEST_HOLDER = 400
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class StoreError(MonaziteError):
    """The store cannot be read or written; what is finished is safe."""


@dataclass
class Store:
    """The folder of one sweep, held by one process at a time.

    Attributes:
        plan: what the sweep is.
        directory: its folder.
        entries: finished blocks, by name.
    """

    plan: Plan
    directory: Path
    entries: dict[str, Entry] = field(default_factory=dict)
    taken_over: int = 0
    """Blocks that another sweep had finished."""
    write_seconds: float = 0.0

    @classmethod
    @contextmanager
    def opened(cls, plan: Plan, out: Path, origin: Mapping[str, Any]) -> Iterator[Store]:
        """Open the sweep's folder below ``out``, or make it, and hold it until the end.

        Raises:
            StoreError: it cannot be written, or another process holds it.
        """
        store = cls(plan, out / plan.folder)
        with _explained(store.directory):
            store.directory.mkdir(parents=True, exist_ok=True)
            lock = _hold(store.directory)
        try:
            with _explained(store.directory):
                store._clean()
                store._start(origin)
            store._find_finished()
            yield store
        finally:
            lock.release()

    @property
    def journal(self) -> Path:
        """Its journal."""
        return self.directory / "journal.jsonl"

    @property
    def failed(self) -> list[int]:
        """Runs that failed, ascending."""
        return sorted(run for entry in self.entries.values() for run in entry.failed)

    @property
    def missing(self) -> list[Block]:
        """Blocks still to do, in order."""
        return [block for block in self.plan.blocks if block.name not in self.entries]

    def _clean(self) -> None:
        """Remove what a killed process left half-written, and a journal's torn last line."""
        for folder, _, files in os.walk(self.directory, followlinks=False):
            for name in files:
                if name.startswith(".") and name.endswith(PARTIAL):
                    (Path(folder) / name).unlink(missing_ok=True)
        if os.path.lexists(self.journal):
            with append_only(self.journal) as handle:
                handle.seek(0)
                content = handle.read()
                if content and not content.endswith(b"\n"):
                    handle.truncate(content.rfind(b"\n") + 1)

    def _start(self, origin: Mapping[str, Any]) -> None:
        from sim.results.resolved import resolved_yaml
        from sim.sweep.described import design_table, sweep_file

        self.put("sweep.json", sweep_file(self.plan))
        self.put("design.parquet", design_table(self.plan))
        for variant in self.plan.variants:
            self.put(f"{variant.name}/scenario.resolved.yaml", resolved_yaml(variant.scenario).encode())
        if not os.path.lexists(self.directory / "origin.json"):
            write_file(self.directory / "origin.json", json.dumps(origin, indent=1).encode() + b"\n")

    def put(self, name: str, data: bytes) -> None:
        """Write a file of the result, unless it is there already just so."""
        path = self.directory / name
        check_inside(self.directory, path)
        with suppress(OSError):
            if path.stat().st_size == len(data) and read_bytes(path) == data:
                return
        with _explained(self.directory):
            make_folder(self.directory, path.parent)
            write_file(path, data)

    def _path(self, block: str, variable: str) -> Path:
        variant, _, index = block.rpartition("/")
        return self.directory / variant / ARRAYS / block_file(variable, int(index))

    def _find_finished(self) -> None:
        """Take for finished what the journal says and the files bear out; take over from other sweeps."""
        journal = read_journal(self.journal)
        wanted = {block.name: block for block in self.plan.blocks}
        candidates = [e for e in journal.values() if e.block in wanted and e.key == wanted[e.block].key]
        with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 1)) as threads:
            sound = list(threads.map(self._sound, candidates))
        self.entries = {e.block: e for e, good in zip(candidates, sound, strict=True) if good}
        if self.missing:
            self._take_over()

    def _sound(self, entry: Entry) -> bool:
        for variable, (size, check) in entry.files.items():
            path = self._path(entry.block, variable)
            try:
                if path.stat().st_size != size or checksum(read_bytes(path)) != check:
                    return False
            except OSError:
                return False
        runs = self._runs(entry.block)
        errors = self.directory / "errors"
        return all(run in runs and (errors / f"{run}.txt").is_file() for run in entry.failed)

    def _runs(self, block: str) -> list[int]:
        variant, _, index = block.rpartition("/")
        chosen = self.plan.variant(variant)
        return [int(run) for run in chosen.runs[chosen.rows(int(index), self.plan.block)]]

    def _take_over(self) -> None:
        """Copy blocks that other sweeps beside this one have finished: same key, same bytes."""
        keys: dict[str, tuple[Path, Entry]] = {}
        for journal in sorted(self.directory.parent.glob("*/journal.jsonl")):
            if journal != self.journal:
                for entry in read_journal(journal).values():
                    if not entry.failed:
                        keys.setdefault(entry.key, (journal.parent, entry))
        for block in self.missing:
            if block.key not in keys:
                continue
            other, entry = keys[block.key]
            variant, _, index = entry.block.rpartition("/")
            try:
                data = {
                    variable: read_bytes(other / variant / ARRAYS / block_file(variable, int(index)), size)
                    for variable, (size, _) in entry.files.items()
                }
            except OSError:
                continue
            if all((len(data[v]), checksum(data[v])) == entry.files[v] for v in data):
                self._write(block.name, block.key, data, {}, entry.cleared, entry.certified)
                self.taken_over += 1

    def commit(self, result: Result) -> None:
        """Write a finished block. After this it will never be computed again.

        Raises:
            StoreError: the disk is full or read-only; finished blocks are safe.
        """
        began = time.perf_counter()
        failures = {self._runs(result.block)[row]: text for row, text in result.failures.items()}
        self._write(result.block, result.key, result.files, failures, result.cleared, result.certified)
        seconds = time.perf_counter() - began
        self.write_seconds += seconds
        line = {
            "block": result.block, "compute_s": round(result.seconds, 4), "write_s": round(seconds, 4),
            "bytes": sum(map(len, result.files.values())), "peak_bytes": result.peak_bytes,
        }  # fmt: skip
        with suppress(OSError), append_only(self.directory / "timings.jsonl") as handle:
            handle.write(json.dumps(line).encode() + b"\n")

    def _write(
        self, block: str, key: str, files: Mapping[str, bytes], failures: Mapping[int, str],
        cleared: int, certified: int,
    ) -> None:  # fmt: skip
        from sim.sweep.described import error_text

        with _explained(self.directory):
            for variable, data in files.items():
                path = self._path(block, variable)
                make_folder(self.directory, path.parent)
                write_file(path, data)
            for run, trace in failures.items():
                self.put(f"errors/{run}.txt", error_text(self.plan, run, trace))
            sizes = {name: (len(data), checksum(data)) for name, data in files.items()}
            entry = Entry(block, key, sizes, tuple(sorted(failures)), cleared, certified)
            self._append(entry.line())
        self.entries[block] = entry

    def _append(self, line: bytes) -> None:
        with append_only(self.journal) as handle:
            before = os.fstat(handle.fileno()).st_size
            try:
                if os.write(handle.fileno(), line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(handle.fileno())
            except OSError:
                with suppress(OSError):
                    handle.truncate(before)
                raise

    def sealed(self) -> bool:
        """Whether the sweep is complete, tables and all, and these files are as they were written."""
        summary = read_summary(self.directory / "summary.json")
        if summary is None or summary.id != self.plan.id:
            return False
        try:
            return all(
                checksum(read_bytes(self.directory / name)) == check for name, check in summary.files.items()
            )
        except OSError:
            return False

    def seal(self, written: Iterable[str], content: Mapping[str, Any]) -> None:
        """Write ``summary.json``, the last file of a complete sweep."""
        with _explained(self.directory):
            files = {name: checksum((self.directory / name).read_bytes()) for name in sorted(written)}
            text = json.dumps({**content, "id": self.plan.id, "files": files}, indent=1, sort_keys=True)
            self.put("summary.json", text.encode() + b"\n")

    def unseal(self) -> None:
        """The sweep is not complete any more: something of it has to be made again."""
        with _explained(self.directory):
            (self.directory / "summary.json").unlink(missing_ok=True)
            for variant in self.plan.variants:
                (self.directory / variant.name / "manifest.json").unlink(missing_ok=True)


def _hold(directory: Path) -> FileLock:
    """The lock of a sweep's folder, held. The system lets go of it when the process ends, however that ends.

    Raises:
        StoreError: another process holds it.
    """
    for name in ("lock", "holder", "journal.jsonl", "timings.jsonl"):
        check_inside(directory, directory / name)
    lock = FileLock(directory / "lock", fallback_to_soft=False)
    # Beside the lock and not in it: Windows lets nobody read a locked file.
    holder = directory / "holder"
    try:
        lock.acquire(blocking=False)
    except Timeout:
        try:
            who = read_bytes(holder, LONGEST_HOLDER).decode("ascii", "replace").strip()
        except OSError:
            who = ""
        raise StoreError(
            f"{shown(directory)}: another process works on this sweep ({who or 'unknown'}); "
            f"wait for it, or stop it and resume"
        ) from None
    try:
        write_file(holder, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
    except BaseException:
        lock.release()
        raise
    return lock


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    """Turn what the system says about a disk into a sentence with a remedy."""
    try:
        yield
    except OSError as error:
        where = shown(directory)
        if error.errno in NO_SPACE:
            text = f"{where}: the disk is full; free some space, then go on with: monazite resume {where}"
        elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            text = f"{where}: cannot be written ({error.strerror}); choose another folder with --out"
        else:
            text = f"{where}: cannot be written ({error.strerror or error}); then: monazite resume {where}"
        raise StoreError(text) from error


def preview(plan: Plan, out: Path) -> tuple[int, int, str]:
    """Runs that are stored, runs that other sweeps have, and why the rest is new; changes nothing."""
    own = read_journal(out / plan.folder / "journal.jsonl")
    others = {
        entry.key
        for journal in out.glob("*/journal.jsonl")
        if journal.parent.name != plan.folder
        for entry in read_journal(journal).values()
        if not entry.failed
    }
    stored = elsewhere = 0
    for block in plan.blocks:
        if block.name in own and own[block.name].key == block.key:
            stored += block.members
        elif block.key in others:
            elsewhere += block.members
    if stored + elsewhere == plan.total:
        return stored, elsewhere, "all of it is there"
    if stored or elsewhere:
        return stored, elsewhere, "the rest has not been run, or not finished"
    kin = sorted(p.parent.name for p in out.glob(f"{plan.title}-*/sweep.json"))
    if not kin:
        return 0, 0, f"there is no sweep of {plan.title} in {shown(out)}"
    return 0, 0, f"{kin[-1]} was made from other values, seed, world data or program"


def free_bytes(path: Path) -> int:
    """Free space of the disk that a path lies on, or would lie on."""
    place = path.resolve()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free

"""Search: schedules of faults under which something goes wrong that must not.

A trial says of a schedule and a seed whether the run fails, or shows nothing to check. Random search tries schedules
that are drawn from seeds, exhaustive search tries one fault on each node and link at each time of interest, and
``shrink`` makes of what either finds a schedule in which nothing is superfluous. A finding is a file that replays bit
for bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from simcluster.engine import Count, InvalidSpec, Seed, Spec, hint
from simcluster.faults.fault import Fault
from simcluster.faults.files import malformed, plain
from simcluster.faults.kinds.message_faults import LoseMessages
from simcluster.faults.kinds.node_faults import CrashNode, PauseNode
from simcluster.faults.origin import Scene, digest_of, note_origin, version
from simcluster.faults.search.property import Broken, Property, R, Tally, Vacuous, examine
from simcluster.faults.vocabulary import AnyFault

_OF_INTEREST = ("send", "deliver", "compute")
Schedule = tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """How a run failed: the rule that was broken, and the digest of the trace, where the run came to an end.

    Two failures are the same when their rules are, so a rule is said without times and numbers.
    """

    rule: str
    digest: str | None = None


Outcome = Failure | Vacuous | None
"""What a trial found: a failure, that nothing was checked, or ``None`` when all went well."""

Trial = Callable[[Schedule, int], Outcome]
"""Runs a schedule under a seed. The same arguments must always give the same answer."""

Progress = Callable[[int, Schedule], None]
"""Told the number of runs so far, and the schedule that is tried or, in shrinking, the smallest that fails."""

FaultOfNode = Callable[..., Fault]
"""Makes a fault of ``node``, ``begin_s`` and ``end_s``."""

FaultOfLink = Callable[..., Fault]
"""Makes a fault of ``source``, ``target``, ``begin_s`` and ``end_s``."""


def trial_of(run: Callable[[Schedule, int], R], holds: Property[R]) -> Trial:
    """The trial that runs ``run(faults, seed)`` and asks whether the property ``holds`` of the result.

    An ``AssertionError`` in the run is a failure too; its rule is its attribute ``rule``, or its first line.
    """

    def attempt(faults: Schedule, seed: int) -> Outcome:
        try:
            result = run(faults, seed)
        except AssertionError as error:
            return Failure(getattr(error, "rule", "") or str(error).partition("\n")[0] or "AssertionError")
        found = examine(holds, result)
        if isinstance(found, Broken):
            return Failure(found.rule, result.digest)
        return found if isinstance(found, Vacuous) else None

    return attempt


class NotReproduced(AssertionError):
    """A run that does not fail as it did when a finding was made; the message says what it does now."""


class Finding(Spec):
    """A schedule and a seed under which a run fails, and how."""

    rule: str
    """The rule that the run breaks."""
    seed: Seed
    """The seed of the run."""
    digest: str | None
    """The fingerprint of its trace (``None``: it came to no end)."""
    runs: Count = 1
    """How many runs it took to find and shrink it."""
    minimal: bool = False
    """Whether ``shrink`` came to its end: without any one of these faults the run does not fail in this way."""
    simcluster: str = Field(default_factory=version)
    """The version under which it was found."""
    scenario: str | None = None
    """The digest of the scenario without faults, where it was told when the finding was saved."""
    faults: tuple[AnyFault, ...]
    """The schedule."""

    @classmethod
    def of(
        cls, failure: Failure, seed: int, faults: Sequence[Fault], *, runs: int = 1, minimal: bool = False
    ) -> Finding:
        """What a trial of ``faults`` under ``seed`` has found."""
        values = {"rule": failure.rule, "digest": failure.digest, "seed": seed, "runs": runs, "minimal": minimal}
        return cls.model_validate({**values, "faults": tuple(faults)})

    def replay(self, trial: Trial) -> Failure:
        """Run it again; the failure, which is the same bit for bit.

        Raises ``NotReproduced``, which says whether the run breaks nothing any more, checks nothing, breaks another
        rule, or the same by another trace.
        """
        now = trial(self.faults, self.seed)
        before = Failure(self.rule, self.digest)
        if isinstance(now, Failure) and now == before:
            return now
        if isinstance(now, Failure) and now.rule == self.rule:
            said = f"the run breaks the same rule by another trace, {now.digest} instead of {self.digest}"
        elif isinstance(now, Failure):
            said = f"the run breaks another rule, {now.rule!r}"
        elif isinstance(now, Vacuous):
            said = f"the run breaks nothing any more, for it checks nothing (ended: {now.ended})"
        else:
            said = "the run breaks nothing any more"
        raise NotReproduced(f"seed {self.seed} must break {self.rule!r}: {said}{self._since()}")

    def _since(self) -> str:
        return "" if self.simcluster == version() else f" (found by simcluster {self.simcluster}, this is {version()})"

    def save(self, path: Path | str, scenario: Scene | None = None) -> None:
        """Write the finding to ``path`` as JSON, one line for each fault, with the digest of the ``scenario``."""
        named = self if scenario is None else self.replace(scenario=digest_of(scenario))
        head = json.dumps(named.model_dump(mode="json", exclude={"faults"}), indent=2).removesuffix("\n}")
        faults = ",\n".join("    " + json.dumps(fault) for fault in plain(self.faults))
        Path(path).write_text(f'{head},\n  "faults": [\n{faults}\n  ]\n}}\n', encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str, scenario: Scene | None = None) -> Finding:
        """The finding in ``path``, bit for bit. Warns when it was made by another version or in another ``scenario``.

        Raises ``ValueError`` that names the file and what is wrong with it.
        """
        try:
            found = cls.model_validate(json.loads(Path(path).read_text(encoding="utf-8")))
        except json.JSONDecodeError as error:
            raise malformed(Path(path), error.lineno, error.colno, f"the text must be JSON: {error.msg}") from None
        except InvalidSpec as error:
            raise ValueError(f"{path}: {error}") from None
        note_origin(path, found.simcluster, found.scenario, scenario)
        return found

    def reproducer(self, path: Path | str, trial: str) -> str:
        """Three lines of Python that run the finding saved in ``path`` again; ``trial`` is the trial's dotted name.

        Raises ``ValueError`` when ``trial`` names no module.
        """
        module, _, name = trial.rpartition(".")
        if not module or not all(part.isidentifier() for part in trial.split(".")):
            raise ValueError(f"trial must be the name of a module and of a trial in it, got {trial!r}")
        return (
            f"from {module} import {name}\n"
            "from simcluster.faults import Finding\n"
            f"Finding.load({str(path)!r}).replay({name})"
        )


def search_seeds(
    trial: Trial,
    draw: Callable[[int], Sequence[Fault]],
    seeds: Iterable[int],
    progress: Progress | None = None,
) -> Finding | Tally:
    """The first of ``seeds`` under which the schedule that ``draw`` makes of it fails, else the tally of all.

    Raises ``NothingChecked`` when none failed and none checked anything.
    """
    tally = Tally()
    for runs, seed in enumerate(seeds, start=1):
        faults = tuple(draw(seed))
        if progress is not None:
            progress(runs, faults)
        outcome = trial(faults, seed)
        if isinstance(outcome, Failure):
            return Finding.of(outcome, seed, faults, runs=runs)
        tally.add(outcome)
    tally.require_checks()
    return tally


def cut_link(*, source: str, target: str, begin_s: float, end_s: float | None) -> LoseMessages:
    """Everything is lost that one node sends to another."""
    return LoseMessages(probability=1.0, senders=(source,), receivers=(target,), begin_s=begin_s, end_s=end_s)


def single_faults(
    rows: Iterable[Mapping[str, Any]],
    nodes: Iterable[str],
    length_s: float | None,
    *,
    kinds: Sequence[str] = _OF_INTEREST,
    of_node: Sequence[FaultOfNode] = (CrashNode, PauseNode),
    of_link: Sequence[FaultOfLink] = (cut_link,),
) -> tuple[Fault, ...]:
    """One fault for each node and each link at each time of interest in the trace of a run.

    ``rows`` are the records of a run without faults. A time is of interest when a record of one of ``kinds`` has it:
    a fault that begins at a time begins before what else happens then, so these are all the moments that differ
    for those records. Links are those over which a message was sent, in the order of their first. Faults last
    ``length_s``, or for good.
    """
    times: dict[float, None] = {}
    links: dict[tuple[str, str], None] = {}
    seen: dict[str, None] = {}
    for row in rows:
        if row["kind"] in kinds:
            times[row["time_s"]] = None
        if row["kind"] == "send" and row["source"] != row["target"]:
            links[row["source"], row["target"]] = None
        seen[row["kind"]] = None
    if length_s is not None and not 0 < length_s < math.inf:
        raise ValueError(f"length_s must be finite and greater than 0, got {length_s}")
    for kind in kinds:
        if kind not in seen and kind not in _OF_INTEREST:
            rule = f"kinds must be of records that there are, {list(seen)}"
            raise ValueError(f"{rule}, got {kind!r}{hint(kind, [*seen, *_OF_INTEREST])}")
    targets: list[tuple[Sequence[Callable[..., Fault]], dict[str, str]]]
    targets = [(of_node, {"node": node}) for node in nodes]
    targets += [(of_link, {"source": source, "target": target}) for source, target in links]
    return tuple(
        make(**target, begin_s=begin_s, end_s=None if length_s is None else begin_s + length_s)
        for begin_s in sorted(times)
        for makers, target in targets
        for make in makers
    )


def search_single_faults(
    trial: Trial, faults: Iterable[Fault], seed: int, progress: Progress | None = None
) -> Iterator[Finding]:
    """Those of ``faults`` that alone make the run fail, each as a finding that is minimal in its number of faults.

    Raises ``NothingChecked`` in the end when none failed and none checked anything.
    """
    tally, found = Tally(), False
    for runs, fault in enumerate(faults, start=1):
        if progress is not None:
            progress(runs, (fault,))
        outcome = trial((fault,), seed)
        if isinstance(outcome, Failure):
            found = True
            yield Finding.of(outcome, seed, (fault,), runs=runs)
        else:
            tally.add(outcome)
    if not found:
        tally.require_checks()

"""A set that only grows: whether what was added is there, in every read after it was known to be."""

from __future__ import annotations

from collections import Counter

from simcluster.measurement.checkers.judgement import Anomaly, Judgement, judged
from simcluster.measurement.checkers.models import SetObject, check_list
from simcluster.measurement.histories import NEVER, BadHistory, History, Operation, Plain


def set_full(history: History, linearizable: bool = False) -> Judgement:
    """Whether no element was lost, of add (an element) and read (all elements), as Jepsen's set-full has it.

    An element is known from the completion of its add on, or of the first read that saw it. It is lost when the last
    read that began after this and does not see it began after the last one that sees it; stale, which counts only where
    the set must be ``linearizable``, when some read after this does not see it and a later one does. A read that sees
    an element twice, or one that was never added or whose add failed, is wrong in either case. Raises ``BadHistory``
    for other operations, and for a read of anything but a list.
    """
    adds, reads, wrong = _adds_and_reads(history)
    known: dict[Plain, int] = {element: add.deadline for element, add in adds.items() if add.deadline < NEVER}
    present: dict[Plain, Operation] = {}
    for read, elements in reads:
        for element in elements:
            known[element] = min(known.get(element, NEVER), read.end)
            if element not in present or present[element].begin < read.begin:
                present[element] = read
    lost: dict[Plain, tuple[Operation, ...]] = {}
    stale: dict[Plain, tuple[Operation, ...]] = {}
    # Each read is looked at for what it does not see of what was known before it began.
    order = sorted(known, key=lambda element: known[element])
    for read, elements in sorted(reads, key=lambda each: each[0].begin):
        for element in order:
            if known[element] >= read.begin:
                break
            if element in elements:
                continue
            shown = (*([adds[element]] if element in adds else []), read)
            if element in present and present[element].begin > read.begin:
                stale[element] = (*shown, present[element])
            else:
                lost[element] = shown
    anomalies = list(wrong)
    for name, found, what in (("lost", lost, "no later read sees it"), ("stale", stale, "a later read sees it")):
        if found and (name == "lost" or linearizable):
            first = min(found, key=lambda element: found[element][-1].begin)
            sentence = f"{len(found)} elements, first {first!r}: a read after it was known does not see it, and {what}"
            anomalies.append(Anomaly(name, sentence, found[first]))
    return judged(len(history), anomalies)


def _adds_and_reads(
    history: History,
) -> tuple[dict[Plain, Operation], list[tuple[Operation, frozenset[Plain]]], list[Anomaly]]:
    model, wrong = SetObject(), []
    adds: dict[Plain, Operation] = {}
    reads: list[tuple[Operation, frozenset[Plain]]] = []
    for place, each in enumerate(history.operations):
        if each.f not in ("add", "read"):
            raise BadHistory(history.line(place), f"an operation must be add or read, got {each.f!r}")
        if each.f == "add" and each.status != "fail":
            adds[each.value] = each
        elif each.f == "read" and each.status == "ok":
            try:
                check_list(each)
            except ValueError as error:
                raise BadHistory(history.line(place), str(error)) from None
            listed = model.elements(each.result)
            reads.append((each, frozenset(listed)))
            twice = [element for element, count in Counter(listed).items() if count > 1]
            if twice:
                wrong.append(Anomaly("duplicate", f"a read saw {twice[0]!r} more than once", (each,)))
    never = [(read, element) for read, seen in reads for element in sorted(seen - adds.keys(), key=repr)]
    early = [
        (read, element)
        for read, seen in reads
        for element in sorted(seen & adds.keys(), key=repr)
        if adds[element].begin > read.end
    ]
    for read, element in [*never, *early][:1]:
        sentence = f"a read saw {element!r}, which was not added before, or failed to be"
        wrong.append(Anomaly("phantom", sentence, (read,)))
    return adds, reads, wrong[:2]

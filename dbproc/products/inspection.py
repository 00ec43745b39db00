"""File → what it is, or a reason why not.

The filename formats choose who is asked; the inspectors of the products so chosen confirm or refuse. Inspectors run in
worker processes (:mod:`dbproc.products.pool.supervisor`), except ``filename``, which opens nothing.
"""

from __future__ import annotations

import os
import re
import stat
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Self

from dbproc.core.filenames import NameFacts
from dbproc.core.model import Definition, FileFacts, Mission, Product, Verdict
from dbproc.core.spec import MissionSpec
from dbproc.core.states import RefusalReason
from dbproc.products.base import Nonsense, NotMine
from dbproc.products.facts import CheckedFacts, settle
from dbproc.products.filename import FilenameInspector
from dbproc.products.loadable import load_faults
from dbproc.products.pool.child import Answer, Limits
from dbproc.products.pool.protocol import Reply, facts_of, mission_line, reason_line
from dbproc.products.pool.supervisor import Supervisor

_BY_NAME = "filename"
_IS_LEGACY = Answer(Reply.KIND, "legacy")
_SHOWN = 5
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a fifo"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A file that exactly one product confirms."""

    path: str
    product: Product
    facts: FileFacts


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that could not be identified; `verdicts` are those of the products that were asked.

    `unloadable`: why it may be of a product whose inspector cannot be loaded, by inspector; nothing: it is not.
    """

    path: str
    reason: RefusalReason
    message: str
    verdicts: tuple[Verdict, ...] = ()
    unloadable: Mapping[str, str] = field(default_factory=dict)


class _Finding(NamedTuple):
    """What came of asking one product about one file."""

    verdict: Verdict
    has_failed: bool = False
    is_unloadable: bool = False


class _Asked(NamedTuple):
    """One file with one product to ask; without `name` its filename is not of the product's format."""

    path: str
    product: Product
    name: NameFacts | None


class Inspection:
    """Identifies files of one mission, within its limits. Use it as a context manager: it owns worker processes.

    They are started when they are needed, and by the thread that needs them: they die with that thread. Where none can
    be started, every question raises InspectionError.
    """

    def __init__(self, definition: Definition) -> None:
        self._products = dict(sorted(definition.products.items()))
        self._by_prefix = _by_prefix(self._products.values())
        self._prefix_lengths = sorted({len(prefix) for prefix in self._by_prefix})
        self._supervisor = Supervisor(mission_line(definition), limits_of(definition.mission))
        self._broken: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._supervisor.close()

    def identify(self, paths: Sequence[str]) -> list[Identity | Refusal]:
        """Say of each file which product it is of, in the order of `paths`."""
        unfit = [_unfit(path) for path in paths]
        asked = [[] if refusal else self._matching(path) for path, refusal in zip(paths, unfit, strict=True)]
        findings = self._findings_of(asked)
        decisions = [
            refusal or self._decision(path, found) for refusal, path, found in zip(unfit, paths, findings, strict=True)
        ]
        others = [
            [] if decision else self._legacy_others(path, before)
            for decision, path, before in zip(decisions, paths, asked, strict=True)
        ]
        more = self._findings_of(others)
        return [
            decision or self._decision(path, second) or self._no_product(path, [*first, *second])
            for decision, path, first, second in zip(decisions, paths, findings, more, strict=True)
        ]

    def confirm_many(self, items: Sequence[tuple[str, int]]) -> list[Verdict]:
        """The verdicts of products on files, such as those that a job was to make, in their order."""
        refusals = [_unfit(path) for path, _ in items]
        asked = [
            [] if refusal else [_asked(path, self._products[product_id])]
            for (path, product_id), refusal in zip(items, refusals, strict=True)
        ]
        findings = self._findings_of(asked)
        return [
            Verdict(product_id=product_id, facts=None, reason=refusal.message) if refusal else found[0].verdict
            for (_, product_id), refusal, found in zip(items, refusals, findings, strict=True)
        ]

    def unloadable(self, products: Iterable[int]) -> dict[str, str]:
        """Of the inspectors of some products, those that cannot be loaded, and why."""
        inspectors = (self._products[number].inspector for number in products if number in self._products)
        return load_faults(self._supervisor, (each.name for each in inspectors if not each.is_builtin))

    def verdicts(self, path: str) -> list[Verdict]:
        """What every product of the mission says of a file."""
        return self.confirm_many([(path, product_id) for product_id in self._products])

    def _decision(self, path: str, findings: Sequence[_Finding]) -> Identity | Refusal | None:
        """What the findings amount to; None when nobody confirms the file and nobody failed."""
        confirming = [(each.verdict, each.verdict.facts) for each in findings if each.verdict.facts is not None]
        if len(confirming) == 1:
            verdict, facts = confirming[0]
            return Identity(path, self._products[verdict.product_id], facts)
        verdicts = tuple(each.verdict for each in findings)
        if confirming:
            names = " and ".join(self._name(verdict) for verdict, _ in confirming)
            message = f"it is confirmed by {names}: make their filename formats or inspectors tell them apart"
            return Refusal(path, RefusalReason.TWO_PRODUCTS, message, verdicts)
        failures = [f"{self._name(each.verdict)}: {each.verdict.reason}" for each in findings if each.has_failed]
        if not failures:
            return None
        unloadable = {
            self._products[each.verdict.product_id].inspector.name: each.verdict.reason
            for each in findings
            if each.is_unloadable
        }
        refusal = Refusal(path, RefusalReason.INSPECTOR_FAILED, _joined(failures), verdicts, unloadable)
        return _unfit(path) or refusal

    def _name(self, verdict: Verdict) -> str:
        return self._products[verdict.product_id].name

    def _no_product(self, path: str, findings: list[_Finding]) -> Refusal:
        gone = _unfit(path)
        if gone is not None:
            return gone
        name = os.path.basename(path)
        near = [f"{self._name(each.verdict)}: {each.verdict.reason}" for each in findings]
        near += [
            f"{each.name}: its name is of the format {each.format}, but {fault}"
            for each in self._with_prefix(name)
            if (fault := each.compiled.fault(name)) is not None
        ]
        near += sorted(self._broken.values())
        message = _joined(near) or f"no product's filename format fits {name!r}"
        verdicts = tuple(each.verdict for each in findings)
        return Refusal(path, RefusalReason.NO_PRODUCT, message, verdicts, self._broken)

    def _with_prefix(self, name: str) -> list[Product]:
        """The products whose format begins as `name` does, in the order of their ids."""
        found = [each for length in self._prefix_lengths for each in self._by_prefix.get(name[:length], ())]
        return sorted(found, key=lambda each: each.product_id) if len(found) > 1 else found

    def _matching(self, path: str) -> list[_Asked]:
        asked = (_asked(path, each) for each in self._with_prefix(os.path.basename(path)))
        return [each for each in asked if each.name is not None]

    def _legacy_others(self, path: str, asked: Sequence[_Asked]) -> list[_Asked]:
        """The products that dbprocessing would ask although the filename is not of their format."""
        before = {each.product.product_id for each in asked}
        return [
            _Asked(path, each, None)
            for product_id, each in self._products.items()
            if product_id not in before and self._is_legacy(each)
        ]

    def _is_legacy(self, product: Product) -> bool:
        return not product.inspector.is_builtin and product.inspector.name in self._legacy_files

    @cached_property
    def _legacy_files(self) -> frozenset[str]:
        """The Python files that hold inspectors in dbprocessing's style; only running them tells."""
        inspectors = (each.inspector for each in self._products.values())
        files = sorted({each.name for each in inspectors if not each.is_builtin})
        answers = dict(zip(files, self._supervisor.ask([("kind", name) for name in files]), strict=True))
        self._broken = {
            name: reason_line(f"{answer.content}")
            for name, answer in answers.items()
            if answer.reply in (Reply.FAILED, Reply.UNLOADABLE)
        }
        return frozenset(name for name, answer in answers.items() if answer == _IS_LEGACY)

    def _findings_of(self, asked: Sequence[Sequence[_Asked]]) -> list[list[_Finding]]:
        """Ask everything in one go, and give the answers in the same arrangement."""
        findings = [[self._decided_here(each) for each in group] for group in asked]
        places = [(row, column) for row, group in enumerate(findings) for column, each in enumerate(group) if not each]
        wanted = [asked[row][column] for row, column in places]
        questions = [("inspect", each.product.product_id, os.path.abspath(each.path)) for each in wanted]
        for (row, column), answer in zip(places, self._supervisor.ask(questions), strict=True):
            findings[row][column] = _finding(asked[row][column].product.product_id, answer)
        return [[each for each in group if each is not None] for group in findings]

    def _decided_here(self, asked: _Asked) -> _Finding | None:
        """The finding when no worker is needed for it."""
        product = asked.product
        if asked.name is None:
            if self._is_legacy(product):
                return None
            return _refused(product.product_id, f"its name is not of the format {product.format}")
        if product.inspector.is_builtin and _is_empty(asked.path):
            return _refused(product.product_id, "it is empty")
        if product.inspector.name != _BY_NAME or product.inspector.arguments:
            return None
        try:
            facts = FilenameInspector().inspect(asked.path, asked.name)
            return _confirmed(product.product_id, settle(facts, asked.name, product.covers))
        except NotMine as refusal:
            return _refused(product.product_id, str(refusal))
        except Nonsense as nonsense:
            return _failed(product.product_id, str(nonsense))


def limits_of(mission: Mission | MissionSpec) -> Limits:
    """The limits of a mission's inspectors."""
    memory = min(mission.inspector_memory * (1 << 30), 1 << 62)
    return Limits(seconds=mission.inspector_seconds, memory=int(memory))


def _asked(path: str, product: Product) -> _Asked:
    return _Asked(path, product, product.read(os.path.basename(path)))


def _by_prefix(products: Iterable[Product]) -> dict[str, list[Product]]:
    """The products by the literal text with which their format begins."""
    found: dict[str, list[Product]] = {}
    for product in products:
        found.setdefault(_literal_prefix(product.format), []).append(product)
    return found


def _literal_prefix(text: str) -> str:
    prefix = ""
    for literal, name, _, _ in string.Formatter().parse(text):
        prefix += literal
        if name is not None:
            break
    return prefix


def _finding(product_id: int, answer: Answer) -> _Finding:
    try:
        if answer.reply is Reply.FACTS:
            return _confirmed(product_id, facts_of(answer.content))
    except Nonsense as nonsense:
        return _failed(product_id, str(nonsense))
    words = answer.content if isinstance(answer.content, str) else ""
    if answer.reply is Reply.REASON:
        return _refused(product_id, words)
    if answer.reply is Reply.UNLOADABLE:
        return _Finding(Verdict(product_id=product_id, facts=None, reason=reason_line(words)), True, True)
    return _failed(product_id, words or "its worker answered with something else than was asked")


def _confirmed(product_id: int, facts: CheckedFacts) -> _Finding:
    return _Finding(Verdict(product_id=product_id, facts=FileFacts(**facts._asdict())))


def _refused(product_id: int, why: str) -> _Finding:
    return _Finding(Verdict(product_id=product_id, facts=None, reason=reason_line(why)))


def _failed(product_id: int, how: str) -> _Finding:
    return _Finding(Verdict(product_id=product_id, facts=None, reason=reason_line(f"inspector failed: {how}")), True)


def _joined(words: Sequence[str]) -> str:
    shown = "; ".join(words[:_SHOWN])
    return shown if len(words) <= _SHOWN else f"{shown}; and {len(words) - _SHOWN} more"


def _unfit(path: str) -> Refusal | None:
    """Why a path is nothing to inspect; it is looked at, and never opened."""
    name = os.path.basename(path)
    if _UNFIT.search(name):
        shown = "is not UTF-8" if _SURROGATE.search(name) else "holds control characters"
        return Refusal(path, RefusalReason.BAD_NAME, f"its name {name!a} {shown}: rename it")
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Refusal(path, RefusalReason.UNREADABLE, "vanished")
    except OSError as error:
        return Refusal(path, RefusalReason.UNREADABLE, f"cannot be looked at: {error.strerror}")
    if not stat.S_ISREG(mode):
        kind = next((words for is_kind, words in _KINDS if is_kind(mode)), "no regular file")
        return Refusal(path, RefusalReason.NOT_A_FILE, f"is {kind}")
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        return Refusal(path, RefusalReason.UNREADABLE, "its permissions do not let it be read")
    return None


def _is_empty(path: str) -> bool:
    try:
        return os.path.getsize(path) == 0
    except OSError:
        return False

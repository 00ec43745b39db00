"""How files arrive: slowly under another name, by a rename, by a hard link, in place of another; and what is junk.

Each arrival is a generator: it does a little, and gives back control until it is taken up again.
"""

from __future__ import annotations

import ctypes
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.crash.chaos.definition import Delivery
from tests.crash.chaos.ground import Ground

Arrival = Iterator[None]
_AT_CWD = -100
_EXCHANGE = 2


def slowly(ground: Ground, delivery: Delivery) -> Arrival:
    """Write bit by bit under an unfinished name, and rename; a companion directory is there before the file is."""
    path = ground.incoming / delivery.name
    unfinished = path.with_name(f"{path.name}.part")
    third = max(1, len(delivery.content) // 3)
    for start in range(0, len(delivery.content), third):
        while not (unfinished.exists() if start else ground.incoming.exists()):
            yield
        with unfinished.open("a" if start else "w") as stream:
            stream.write(delivery.content[start : start + third])
        yield
    for name, content in delivery.members:
        yield from _away(ground)
        member = path.with_suffix("") / name
        member.parent.mkdir(exist_ok=True)
        member.write_text(content)
        yield
    while not unfinished.exists():  # incoming is elsewhere for a while
        yield
    taken_back = _place(unfinished, path)
    if taken_back is not None:
        ground.ledger.withdraw(taken_back)
    _enter(ground, delivery)


def by_link(ground: Ground, delivery: Delivery) -> Arrival:
    """The sender makes a hard link, and writes on into its own file when that was taken."""
    path = ground.incoming / delivery.name
    mine = ground.base / "sent" / delivery.name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text(delivery.content)
    yield from _away(ground)
    _enter(ground, delivery)
    os.link(mine, path)
    yield
    if "linked" in ground.codes.habits:
        while path.exists() or not ground.incoming.exists():
            yield
        with mine.open("a") as stream:
            stream.write("what the sender writes later\n")


def replaced(ground: Ground, delivery: Delivery) -> Arrival:
    """Other bytes come under the name, some time after the first; whoever is first is taken."""
    yield from slowly(ground, delivery)
    for _ in range(3):
        yield
    other = Delivery(delivery.name, f"other {delivery.content}")
    yield from slowly(ground, other)


def again(ground: Ground, delivery: Delivery) -> Arrival:
    """The same bytes come twice."""
    yield from slowly(ground, delivery)
    for _ in range(3):
        yield
    yield from slowly(ground, delivery)


def _enter(ground: Ground, delivery: Delivery) -> None:
    ground.ledger.add(delivery.content, delivery.name)
    for name, content in delivery.members:
        ground.ledger.add(content, f"{delivery.name}: {name}")


def _place(unfinished: Path, path: Path) -> bytes | None:
    """Rename without losing what has the name: the sender takes that back, and has it."""
    library = ctypes.CDLL(None, use_errno=True)
    former: bytes | None = None
    while True:
        try:
            os.link(unfinished, path)
            break
        except FileExistsError:
            if library.renameat2(_AT_CWD, os.fsencode(unfinished), _AT_CWD, os.fsencode(path), _EXCHANGE) == 0:
                former = unfinished.read_bytes()
                break
    unfinished.unlink()
    return former


def _away(ground: Ground) -> Arrival:
    """Wait as long as there is no incoming directory to write into."""
    while not ground.incoming.exists():
        yield


# --- junk ---


def unknown(ground: Ground, number: int) -> None:
    _junk(ground, ground.incoming / f"junk{number}.xyz", number)


def unreadable(ground: Ground, number: int) -> None:
    path = ground.incoming / f"unreadable{number}.txt"
    _junk(ground, path, number)
    path.chmod(0)


def lost_and_found(ground: Ground, number: int) -> None:
    """A directory that may not be looked into."""
    directory = ground.incoming / ("lost+found" if number % 2 else f"folder{number}")
    if directory.exists():
        return
    directory.mkdir()
    _junk(ground, directory / f"#{number}", number)
    directory.chmod((0, 0o444)[number % 2])


def odd_name(ground: Ground, number: int) -> None:
    place = os.fsencode(ground.incoming) + b"/odd\xff\n" + str(number).encode()
    _junk(ground, Path(os.fsdecode(place)), number)


def fifo(ground: Ground, number: int) -> None:
    os.mkfifo(ground.incoming / f"met_20230101_v1.0.{number}.txt")


def _junk(ground: Ground, path: Path, number: int) -> None:
    content = f"junk {number} {path.name!a}"
    ground.ledger.add(content, ascii(path.name))
    path.write_text(content)


JUNK: tuple[Callable[[Ground, int], None], ...] = (unknown, unreadable, odd_name, fifo)


Way = Callable[[Ground, Delivery], Arrival]


def arrival(delivery: Delivery, chance: random.Random) -> Way:
    """One way or the other."""
    if delivery.members:
        return slowly
    ways: dict[Way, int] = {slowly: 5, by_link: 2, again: 2, replaced: 2 if delivery.name.startswith("met") else 0}
    return chance.choices(list(ways), list(ways.values()))[0]

"""Inspectors: what says "this file is of that product" and reads its date, times, version and keywords.

A mission's own inspector is a Python file with one class and one method::

    from dbproc.products import Facts, Inspector, NotMine


    class Beacon(Inspector):
        def inspect(self, path, name, *, station):
            with open(path) as lines:
                head = next(lines)
            if station not in head:
                raise NotMine(f"its head names another station than {station}")
            return Facts(keywords={"station": station})

It is asked about files whose name is of its product's filename format. `path` is the file, `name` what its name says
(:class:`dbproc.core.filenames.NameFacts`), and the keyword arguments are the inspector's arguments in the mission file,
as text. What :class:`Facts` leaves open is taken from the name.
"""

from dbproc.products.base import Facts, Inspector, Nonsense, NotMine

__all__ = ["Facts", "Inspector", "Nonsense", "NotMine"]

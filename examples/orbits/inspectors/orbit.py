import datetime as dt

from dbproc.products import Facts, Inspector, NotMine


class Orbit(Inspector):
    """A file with two lines, `start TIME` and `end TIME`; at its end the next orbit begins."""

    def inspect(self, path, name):
        with open(path) as lines:
            times = dict(line.split() for line in lines)
        if times.keys() != {"start", "end"}:
            raise NotMine("it does not name a start and an end")
        start, end = (dt.datetime.fromisoformat(times[each]) for each in ("start", "end"))
        return Facts(start=start, stop=end - dt.timedelta(microseconds=1))

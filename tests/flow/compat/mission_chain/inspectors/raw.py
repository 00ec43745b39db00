"""Level 0: the name by its format's expression, the times from the content."""
import datetime
import re

from dbprocessing import inspector
from dbprocessing import Version

FIRST_LINE = re.compile(r"# (\S+) to (\S+)")


class Inspector(inspector.inspector):
    code_name = "raw.py"

    def inspect(self, kwargs):
        if kwargs:
            raise RuntimeError("no arguments were configured, got {0}".format(kwargs))
        if re.match(self.filenameregex + "$", self.basename) is None:
            return None
        with open(self.filename) as stream:
            found = FIRST_LINE.match(stream.readline())
        if found is None:
            return None
        start, stop = (datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S") for text in found.groups())
        params = self.diskfile.params
        params["utc_file_date"] = start.date()
        params["utc_start_time"] = start
        params["utc_stop_time"] = stop
        params["version"] = Version.Version.fromString(re.search(r"_v(\d+\.\d+\.\d+)\.txt$", self.basename).group(1))
        return "a match"

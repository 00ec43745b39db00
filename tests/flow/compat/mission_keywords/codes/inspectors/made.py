"""Several products by an expression given as an argument; its named groups become the file's keywords.

False is not None, so dbprocessing takes it for a match at first; it is refused because no date was set.
"""
import datetime
import re

from dbprocessing import Version
from dbprocessing import inspector


class Inspector(inspector.inspector):
    code_name = "made.py"

    def inspect(self, kwargs):
        found = re.match(kwargs["pattern"] + "$", self.basename)
        if not found:
            return False
        text = [g for g in found.groups() if re.match(r"\d{4}(\d{4}|-\d{3}|-\d\d-\d\d)$", g)][0]
        layout = {8: "%Y%m%d" if "-" not in text else "%Y-%j", 10: "%Y-%m-%d"}[len(text)]
        day = datetime.datetime.strptime(text, layout)
        params = self.diskfile.params
        params["utc_file_date"] = day.date()
        params["utc_start_time"] = day
        params["utc_stop_time"] = day + datetime.timedelta(hours=23)
        params["version"] = inspector.extract_Version(self.basename) or Version.Version.fromString(kwargs["version"])
        words = ["{0}={1}".format(*item) for item in sorted(found.groupdict().items())]
        if "keywords" in kwargs:
            words.append(kwargs["keywords"].replace(":", "="))
        if words:
            params["process_keywords"] = " ".join(words)
        return True

"""One inspector file for several products, told apart by their arguments."""
import datetime
import re

from dbprocessing import inspector

PATTERN = {"date": r"_(\d{8})_v", "day_of_year": r"_(\d{7})_v", "month_name": r"_(\d\d[A-Z][a-z][a-z]\d\d)_v"}
LAYOUT = {"date": "%Y%m%d", "day_of_year": "%Y%j", "month_name": "%y%b%d"}


class Inspector(inspector.inspector):
    code_name = "by_name.py"

    def inspect(self, kwargs):
        if not re.match(self.filenameregex + "$", self.basename):
            return None
        if kwargs["name"] not in self.basename:
            return None
        kind = kwargs["kind"]
        day = datetime.datetime.strptime(re.search(PATTERN[kind], self.basename).group(1), LAYOUT[kind])
        self.diskfile.params["utc_file_date"] = day.date()
        self.diskfile.params["utc_start_time"] = day
        self.diskfile.params["utc_stop_time"] = day + datetime.timedelta(days=1) - datetime.timedelta(microseconds=1)
        self.diskfile.params["version"] = inspector.extract_Version(self.basename)
        return True

"""Camera frames. The name has no version: every frame is 1.0.0."""
import datetime
import os
import re

from dbprocessing import DBlogging
from dbprocessing import Version
from dbprocessing import inspector


class Inspector(inspector.inspector):
    code_name = os.path.basename(__file__)

    def inspect(self, kwargs):
        found = re.match(r"frame_(\d{8})_(\d{3})\.raw$", self.basename)
        if found is None or not inspector.valid_YYYYMMDD(found.group(1)):
            DBlogging.dblogger.debug("{0}: {1} is no frame".format(self.code_name, self.basename))
            return None
        if self.dbu.getEntry("Product", self.product).product_name != kwargs["name"]:
            return None
        if os.path.join(self.dirname, self.basename) != self.filename:
            return None
        day = self.extract_YYYYMMDD()
        assert inspector.extract_YYYYMM(self.basename) == day.date().replace(day=1)
        self.diskfile.params["utc_file_date"] = day.date()
        self.diskfile.params["utc_start_time"] = day + datetime.timedelta(hours=12)
        self.diskfile.params["utc_stop_time"] = day + datetime.timedelta(hours=12, minutes=1, microseconds=250000)
        self.diskfile.params["version"] = Version.Version(1, 0, 0)
        self.diskfile.params["process_keywords"] = "nnn={0} APID={1}".format(found.group(2), kwargs["apid"])
        DBlogging.dblogger.info("{0}: frame {1}".format(self.code_name, found.group(2)))
        return "yes"

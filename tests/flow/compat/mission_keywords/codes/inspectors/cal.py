"""Calibration files are dated by the day of the mission."""
import datetime
import re

from dbprocessing import DBlogging, Version, inspector


class Inspector(inspector.inspector):
    code_name = "cal.py"

    def inspect(self, kwargs):
        found = re.match(r"cal_(?P<nnn>\d{3})_(?P<mday>-?\d+)_v(?P<version>[\d.]+)\.txt$", self.basename)
        if found is None:
            DBlogging.dblogger.debug("not mine")
            return None
        epoch = datetime.datetime.strptime(kwargs["epoch"], "%Y-%m-%d")
        day = epoch + datetime.timedelta(days=int(found.group("mday")))
        self.diskfile.params.update(
            utc_file_date=day.date(),
            utc_start_time=day,
            utc_stop_time=day.replace(hour=23, minute=59, second=59),
            version=Version.Version(*found.group("version").split(".")),
            process_keywords="nnn={0} APID=1f".format(found.group("nnn")),
        )
        return True

from dbprocessing import inspector


class Inspector(inspector.inspector):
    code_name = "dated.py"

    def inspect(self, kwargs):
        if not self.basename.startswith(kwargs["kind"] + "_"):
            return None
        day = inspector.extract_YYYYMMDD(self.basename)
        self.diskfile.params["utc_file_date"] = day.date()
        self.diskfile.params["utc_start_time"] = day
        self.diskfile.params["utc_stop_time"] = day.replace(hour=23, minute=59, second=59)
        self.diskfile.params["version"] = inspector.extract_Version(self.basename)
        return True

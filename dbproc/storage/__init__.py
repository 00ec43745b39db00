"""Files on disk: moving, measuring, removing them, and whose they are."""

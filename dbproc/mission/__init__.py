"""The mission file: TOML, or dbprocessing's INI → checked definition → difference to the database → applied."""

from dbproc.mission.difference import difference
from dbproc.mission.export import export_toml
from dbproc.mission.read import read_mission_file

__all__ = ["difference", "export_toml", "read_mission_file"]

# ruff: noqa: N802  the methods have dbprocessing's names
"""What an inspector written for dbprocessing gets in place of its database, to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


class NotAvailable(AttributeError):
    """An inspector asked the stand-in for what it does not have."""


class Record:
    """A row of a table, to read."""

    def __init__(self, table: str, **columns: Any) -> None:
        vars(self).update(columns)
        vars(self)["_table"] = table

    def __getattr__(self, name: str) -> Any:
        columns = ", ".join(each for each in vars(self) if not each.startswith("_"))
        raise NotAvailable(f"dbproc gives inspectors no {self._table}.{name}; it gives {columns}")

    def __setattr__(self, name: str, value: object) -> None:
        raise NotAvailable(f"{self._table}.{name} cannot be set: dbproc gives inspectors a database to read only")

    def __repr__(self) -> str:
        return f"<{self._table} {vars(self)}>"


class Database:
    """What an inspector may ask of its ``dbu``: the mission and the products, and nothing else."""

    def __init__(self, mission: Row, products: Mapping[int, Row]) -> None:
        self.mission = mission["name"]
        self.MissionDirectory = mission["root"]
        self.CodeDirectory = mission["code_directory"]
        self.InspectorDirectory = mission["inspector_directory"]
        self._mission = Record(
            "mission",
            mission_id=mission["mission_id"],
            mission_name=mission["name"],
            rootdir=mission["root"],
            incoming_dir=mission["incoming"],
            codedir=mission["code_directory"],
            inspectordir=mission["inspector_directory"],
            errordir=mission["quarantine"],
        )
        self._rows = products
        self._ids = {row["name"]: product_id for product_id, row in products.items()}
        self._tracebacks: dict[int, dict[str, Record]] = {}

    def __getattr__(self, name: str) -> Any:
        offered = ", ".join(sorted(each for each in dir(type(self)) if not each.startswith("_")))
        raise NotAvailable(
            f"dbu.{name} is not available: an inspector run by dbproc has no database. It may use dbu.mission, "
            f"dbu.MissionDirectory, dbu.CodeDirectory, dbu.InspectorDirectory and {offered}"
        )

    def getMissionDirectory(self) -> str:
        """The mission's root directory."""
        return str(self.MissionDirectory)

    def getCodeDirectory(self) -> str:
        """The directory of the codes."""
        return str(self.CodeDirectory)

    def getInspectorDirectory(self) -> str:
        """The directory of the inspectors."""
        return str(self.InspectorDirectory)

    def getIncomingPath(self) -> str:
        """The directory in which files arrive."""
        return str(self._mission.incoming_dir)

    def getErrorPath(self) -> str:
        """The directory of refused files."""
        return str(self._mission.errordir)

    def getMissions(self) -> list[str]:
        """The name of the mission, as a list."""
        return [str(self.mission)]

    def getProductID(self, product_name: str | int) -> int:
        """The id of a product by its name or id."""
        product_id = self._ids.get(product_name, product_name) if isinstance(product_name, str) else product_name
        if isinstance(product_id, int) and product_id in self._rows:
            return product_id
        raise LookupError(f"the mission has no product {product_name!r}")

    def getAllProducts(self, id_only: bool = False) -> list[Any]:
        """All products, or their ids."""
        return list(self._rows) if id_only else [self.getEntry("Product", each) for each in self._rows]

    def getEntry(self, table: str, args: int | str) -> Record:
        """A row of the tables Product and Mission by its id or name."""
        if table == "Product":
            return self.getTraceback("Product", args)["product"]
        if table == "Mission":
            return self._mission
        raise NotAvailable(f"dbu.getEntry({table!r}, …) is not available: inspectors may ask for Product and Mission")

    def getTraceback(self, table: str, in_id: int | str, in_id2: object = None) -> dict[str, Record]:
        """Product, inspector, instrument, satellite and mission of a product."""
        if table.capitalize() != "Product":
            raise NotAvailable(f"dbu.getTraceback({table!r}, …) is not available: inspectors may ask for Product")
        product_id = self.getProductID(in_id)
        if product_id not in self._tracebacks:
            self._tracebacks[product_id] = self._records(product_id, self._rows[product_id])
        return self._tracebacks[product_id]

    def _records(self, product_id: int, row: Row) -> dict[str, Record]:
        arguments = " ".join(f"{key}={value}" for key, value in row["arguments"].items())
        return {
            "product": Record(
                "product",
                product_id=product_id,
                product_name=row["name"],
                relative_path=row["directory"],
                level=row["level"],
                format=row["format"],
                product_description=row["description"],
                instrument_id=row["instrument_id"],
            ),
            "inspector": Record(
                "inspector",
                inspector_id=row["inspector_id"],
                filename=row["inspector"].rpartition("/")[2],
                product=product_id,
                arguments=arguments,
            ),
            "instrument": Record(
                "instrument",
                instrument_id=row["instrument_id"],
                instrument_name=row["instrument"],
                satellite_id=row["satellite_id"],
            ),
            "satellite": Record(
                "satellite",
                satellite_id=row["satellite_id"],
                satellite_name=row["satellite"],
                mission_id=self._mission.mission_id,
            ),
            "mission": self._mission,
        }

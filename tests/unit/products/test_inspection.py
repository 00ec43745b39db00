"""Identifying files: real files, a real worker, inspectors that behave and inspectors that do not."""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import pytest

from dbproc.core.model import Definition, Inspector, Product
from dbproc.core.states import RefusalReason
from dbproc.core.version import Version
from dbproc.products.inspection import Identity, Inspection, Refusal
from tests.kit import facts

MISSION = replace(facts.MISSION, name="testDB", quarantine="/m/errors")

Make = Callable[..., Inspection]


def product(number: int, text: str, inspector: str = "filename", **arguments: str) -> Product:
    return Product(
        product_id=number,
        name=f"product{number}",
        level=float(number),
        directory="L0",
        format=text,
        description="counts",
        instrument_id=3,
        instrument="rot13",
        satellite_id=2,
        satellite="testDB-a",
        mission="testDB",
        inspector=Inspector(inspector_id=number + 100, name=inspector, arguments=arguments),
    )


@pytest.fixture
def inspection() -> Iterator[Make]:
    made: list[Inspection] = []

    def make(*products: Product, **settings: Any) -> Inspection:
        mission = replace(MISSION, **settings)
        known = {each.product_id: each for each in products}
        made.append(Inspection(Definition(mission=mission, products=known, processes={}, codes={})))
        return made[-1]

    yield make
    for each in made:
        each.close()


class Files:
    """Makes files to inspect, and inspectors."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def file(self, name: str, content: str = "content\n") -> str:
        path = self.directory / name
        path.write_text(content)
        return str(path)

    def own(self, body: str, name: str = "own.py", arguments: str = "") -> str:
        """An inspector of dbproc's kind with that method body."""
        head = "import os\nimport datetime as dt\nfrom dbproc.products import Facts, Inspector, NotMine\n\n"
        method = f"class Own(Inspector):\n    def inspect(self, path, name{arguments}):\n"
        return self.file(name, head + method + textwrap.indent(textwrap.dedent(body).strip(), "        ") + "\n")

    def legacy(self, body: str, name: str = "legacy.py") -> str:
        """An inspector of dbprocessing's kind with that method body."""
        head = (
            "import datetime\nimport re\n\nfrom dbprocessing import DBlogging\nfrom dbprocessing import inspector\n"
            f"from dbprocessing import Version\n\nclass Inspector(inspector.inspector):\n    code_name = {name!r}\n\n"
            "    def inspect(self, kwargs):\n"
        )
        return self.file(name, head + textwrap.indent(textwrap.dedent(body).strip(), "        ") + "\n")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def identity(found: Identity | Refusal) -> Identity:
    assert isinstance(found, Identity), found
    return found


def refusal(found: Identity | Refusal) -> Refusal:
    assert isinstance(found, Refusal), found
    return found


class TestByName:
    def test_a_file_is_known_by_its_name(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "met_{Y}{m}{d}_{site}_v{VERSION}.nc"), product(2, "sirs_{Y}{m}{d}.nc"))
        path = files.file("met_20190102_sgp_v2.0.1.nc")
        found = identity(one.identify([path])[0])
        assert (found.path, found.product.product_id) == (path, 1)
        assert found.facts.date == dt.date(2019, 1, 2)
        assert found.facts.start == dt.datetime(2019, 1, 2, tzinfo=dt.UTC)
        assert found.facts.version == Version(2, 0, 1)
        assert found.facts.keywords == "site=sgp"

    @pytest.mark.parametrize("is_own", [False, True])
    def test_a_file_lasts_as_long_as_its_product_says(self, inspection: Make, files: Files, is_own: bool) -> None:
        inspector = files.own("return Facts(extra={'caveats': name.stop.isoformat()})") if is_own else "filename"
        lasting = replace(product(1, "a_{Y}{m}{d}T{H}.x", inspector), covers=dt.timedelta(minutes=90))
        found = identity(inspection(lasting).identify([files.file("a_20190101T23.x")])[0]).facts
        assert found.start == dt.datetime(2019, 1, 1, 23, tzinfo=dt.UTC)
        assert found.stop == dt.datetime(2019, 1, 2, 0, 29, 59, 999999, dt.UTC)
        assert found.extra == ({"caveats": found.stop.isoformat()} if is_own else {})

    def test_answers_have_the_order_of_the_files(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x"), product(2, "b_{Y}{m}{d}.x"))
        names = ["b_20190101.x", "junk", "a_20190101.x", "b_20190102.x"]
        found = one.identify([files.file(name) for name in names])
        assert [each.product.product_id if isinstance(each, Identity) else 0 for each in found] == [2, 0, 1, 2]

    def test_nothing_is_asked_about_nothing(self, inspection: Make) -> None:
        assert inspection().identify([]) == []

    def test_the_file_is_not_opened_and_no_worker_started(self, files: Files) -> None:
        path = files.file("a_20190101.x")
        watch = f"sys.addaudithook(lambda event, args: args and args[0] == {path!r} and print(event))"
        assert identified_elsewhere(path, before=watch).splitlines() == ["Identity"]

    @pytest.mark.parametrize("kind", ["filename", "netcdf", "hdf5", "tiff", "image", "idx"])
    def test_an_empty_file_is_of_no_product(self, inspection: Make, files: Files, kind: str) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x", kind))
        found = refusal(one.identify([files.file("a_20190101.x", "")])[0])
        assert (found.reason, found.message) == (RefusalReason.NO_PRODUCT, "product1: it is empty")

    def test_a_name_that_nothing_fits_is_refused(self, inspection: Make, files: Files) -> None:
        found = refusal(inspection(product(1, "a_{Y}{m}{d}.x")).identify([files.file("b.x")])[0])
        assert (found.reason, found.verdicts) == (RefusalReason.NO_PRODUCT, ())
        assert found.message == "no product's filename format fits 'b.x'"

    def test_a_date_that_does_not_exist_is_told(self, inspection: Make, files: Files) -> None:
        found = refusal(inspection(product(1, "a_{Y}{m}{d}.x")).identify([files.file("a_20190231.x")])[0])
        assert found.message == "product1: its name is of the format a_{Y}{m}{d}.x, but its date does not exist"

    def test_a_format_without_a_date_is_refused_with_advice(self, inspection: Make, files: Files) -> None:
        found = refusal(inspection(product(1, "a_{site}.x")).identify([files.file("a_sgp.x")])[0])
        assert "product1: its name holds no date: give the filename format fields" in found.message
        assert found.verdicts[0].facts is None

    def test_two_products_are_named(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x"), product(2, "{any}_{Y}{m}{d}.x"), product(3, "b.x"))
        found = refusal(one.identify([files.file("a_20190101.x")])[0])
        assert found.reason is RefusalReason.TWO_PRODUCTS
        assert "product1 and product2" in found.message
        assert [each.product_id for each in found.verdicts] == [1, 2]

    def test_braces_in_a_format_are_literal(self, inspection: Make, files: Files) -> None:
        found = inspection(product(1, "a{{_{Y}{m}{d}}}.x")).identify([files.file("a{_20190101}.x")])[0]
        assert identity(found).facts.date == dt.date(2019, 1, 1)

    @pytest.mark.parametrize("name", ["a b'\"_20190101.x", "-rf_20190101.x", "ü☃_20190101.x", "$(x)_20190101.x"])
    def test_odd_names_are_names(self, inspection: Make, files: Files, name: str) -> None:
        assert identity(inspection(product(1, "{any}_{Y}{m}{d}.x")).identify([files.file(name)])[0]).path.endswith(name)


class TestWhatIsNoFile:
    @pytest.mark.parametrize("name", ["a\n_20190101.x", "a\x7f_20190101.x", "a\u2028_20190101.x", "a\x85_20190101.x"])
    def test_control_characters_in_a_name_are_refused(self, inspection: Make, files: Files, name: str) -> None:
        found = refusal(inspection(product(1, "{any}_{Y}{m}{d}.x")).identify([files.file(name)])[0])
        assert found.reason is RefusalReason.BAD_NAME
        assert "holds control characters" in found.message
        assert found.message.isprintable()

    def test_a_name_that_is_not_utf8_is_refused(self, inspection: Make, tmp_path: Path) -> None:
        path = os.fsencode(tmp_path) + b"/a\xff_20190101.x"
        with open(path, "wb"):
            pass
        found = refusal(inspection(product(1, "{any}_{Y}{m}{d}.x")).identify([os.fsdecode(path)])[0])
        assert (found.reason, "is not UTF-8" in found.message) == (RefusalReason.BAD_NAME, True)

    def test_a_file_that_vanished_is_unreadable(self, inspection: Make, tmp_path: Path) -> None:
        found = refusal(inspection(product(1, "a_{Y}{m}{d}.x")).identify([str(tmp_path / "a_20190101.x")])[0])
        assert (found.reason, found.message) == (RefusalReason.UNREADABLE, "vanished")

    def test_a_file_that_vanishes_while_it_is_inspected_is_unreadable(self, inspection: Make, files: Files) -> None:
        own = files.own("os.remove(path)\nopen(path)")
        found = inspection(product(1, "a_{Y}{m}{d}.x", own)).identify([files.file("a_20190101.x")])[0]
        assert (refusal(found).reason, refusal(found).message) == (RefusalReason.UNREADABLE, "vanished")

    def test_a_file_without_permission_is_unreadable(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            path = Files(Path(directory)).file("a_20190101.x")
            os.chmod(path, 0)
            found = identified_elsewhere(path, before="if os.getuid() == 0: os.setuid(65534)")
        assert found == "Refusal unreadable its permissions do not let it be read"

    @pytest.mark.parametrize("kind", ["directory", "fifo", "socket", "device"])
    def test_what_is_no_regular_file_is_refused_and_not_opened(
        self, inspection: Make, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "a_20190101.x"
        with socket.socket(socket.AF_UNIX) as listener:
            if kind == "directory":
                path.mkdir()
            elif kind == "fifo":
                os.mkfifo(path)
            elif kind == "socket":
                monkeypatch.chdir(tmp_path)  # a socket's name is short
                listener.bind(path.name)
            else:
                path.symlink_to("/dev/zero")
            found = refusal(inspection(product(1, "a_{Y}{m}{d}.x", "netcdf")).identify([str(path)])[0])
        assert (found.reason, found.message) == (RefusalReason.NOT_A_FILE, f"is a {kind}")


def identified_elsewhere(path: str, before: str) -> str:
    """What a process of its own prints about a file of the format a_{Y}{m}{d}.x."""
    code = f"""
        import os, sys
        from dbproc.products.inspection import Inspection
        from dbproc.core.model import Definition
        from tests.unit.products.test_inspection import MISSION, product
        products = {{1: product(1, "a_{{Y}}{{m}}{{d}}.x")}}
        one = Inspection(Definition(mission=MISSION, products=products, processes={{}}, codes={{}}))
        {before}
        found = one.identify([{path!r}])[0]
        print(type(found).__name__, getattr(found, "reason", ""), getattr(found, "message", ""))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


class TestOwnInspectors:
    def test_it_completes_what_the_name_says(self, inspection: Make, files: Files) -> None:
        own = files.own(
            """
            with open(path) as lines:
                station = next(lines).strip()
            return Facts(keywords={"station": station}, extra={"caveats": level}, stop=dt.datetime(2019, 1, 2, 5))
            """,
            arguments=", *, level",
        )
        one = inspection(product(1, "a_{Y}{m}{d}_{site}.x", own, level="b1"))
        facts = identity(one.identify([files.file("a_20190102_sgp.x", "E13\n")])[0]).facts
        assert facts.keywords == "site=sgp station=E13"
        assert facts.stop == dt.datetime(2019, 1, 2, 5, tzinfo=dt.UTC)
        assert (facts.version, dict(facts.extra)) == (Version(1, 0, 0), {"caveats": "b1"})

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("return None", "its inspector says no"),
            ("return 'too short'", "too short"),
            ("raise NotMine('another station')", "another station"),
            ("return 'forged\\nlog line \\x1b[31m'", r"forged log line \x1b[31m"),
        ],
    )
    def test_it_can_refuse_with_a_reason(self, inspection: Make, files: Files, body: str, words: str) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x", files.own(body)))
        found = refusal(one.identify([files.file("a_20190102.x")])[0])
        assert (found.reason, found.message) == (RefusalReason.NO_PRODUCT, f"product1: {words}")

    def test_a_refusal_leaves_the_file_to_another_product(self, inspection: Make, files: Files) -> None:
        own = files.own("return 'E13' if 'E13' in open(path).read() else Facts()")
        other = files.own("return Facts() if 'E13' in open(path).read() else 'no E13'", "other.py")
        one = inspection(product(1, "a_{Y}{m}{d}.x", own), product(2, "{s}_{Y}{m}{d}.x", other))
        assert identity(one.identify([files.file("a_20190102.x", "E13")])[0]).product.product_id == 2

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("return 42", "it returned 42, not Facts"),
            ("return Facts(start=dt.datetime(1066, 1, 1), date=dt.date(1066, 1, 1))", "outside 1900..2100"),
            ("return Facts(stop=dt.datetime(2019, 1, 1))", "is after its stop"),
            ("return Facts(version='newest')", "its version is 'newest'"),
            ("raise KeyError('station')", "it raised KeyError: 'station' (own.py, line 8)"),
            ("raise SystemExit", "it raised SystemExit"),
            ("import ctypes; ctypes.string_at(0)", "died by signal SIGSEGV"),
            ("os._exit(0)", "ended its process with exit status 0"),
            ("while True: pass", "hung for 3 s and was ended"),
            ("import nothing_such", "ModuleNotFoundError: No module named 'nothing_such'"),
        ],
    )
    def test_a_failure_is_told_and_costs_no_other_file(
        self, inspection: Make, files: Files, body: str, words: str
    ) -> None:
        own = files.own(f"if open(path).read() == 'good': return Facts()\n{body}")
        one = inspection(product(1, "a_{Y}{m}{d}.x", own), inspector_seconds=3.0)
        paths = [files.file(f"a_2019010{day}.x", "bad" if day == 3 else "good") for day in range(1, 7)]
        found = one.identify(paths)
        bad = refusal(found.pop(2))
        assert [identity(each).facts.date.day for each in found] == [1, 2, 4, 5, 6]
        assert bad.reason is RefusalReason.INSPECTOR_FAILED
        assert bad.message.startswith("product1: inspector failed: ")
        assert words in bad.message

    @pytest.mark.parametrize(
        ("gibibytes", "words"), [(0.5, "memory limit of 512 MiB; a larger inspector_memory"), (0.0, "")]
    )
    def test_the_mission_says_how_much_memory_it_may_take(
        self, inspection: Make, files: Files, gibibytes: float, words: str
    ) -> None:
        own = files.own("bytearray(1 << 30)\nreturn Facts()")
        one = inspection(product(1, "a_{Y}{m}{d}.x", own), inspector_memory=gibibytes)
        assert words in getattr(one.identify([files.file("a_20190102.x")])[0], "message", "")

    @pytest.mark.parametrize("gibibytes", [1e9, 1e300])
    def test_any_number_is_a_limit(self, inspection: Make, files: Files, gibibytes: float) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x", files.own("return Facts()")), inspector_memory=gibibytes)
        identity(one.identify([files.file("a_20190102.x")])[0])

    def test_one_products_failure_does_not_take_a_file_from_another(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x", files.own("1 / 0")), product(2, "{s}_{Y}{m}{d}.x"))
        assert identity(one.identify([files.file("a_20190102.x")])[0]).product.product_id == 2

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("def (", "cannot be loaded: SyntaxError"),
            ("print 'Python 2'", "cannot be loaded: SyntaxError"),
            ("raise RuntimeError('no')", "cannot be loaded: RuntimeError: no (bad.py, line 1)"),
            ("x = 1", "holds no inspector: write a class that derives from dbproc.products.Inspector"),
            ("class Inspector: pass", "holds no inspector"),
            (
                "from dbproc.products import Inspector\nclass A(Inspector): pass\nclass B(Inspector): pass\n",
                "holds several inspectors (A, B)",
            ),
            ("from dbproc.products import Inspector\nclass A(Inspector): pass\n", "abstract"),
            ("import os\nos._exit(1)\n", "ended its process with exit status 1"),
        ],
    )
    def test_a_file_that_holds_no_inspector_is_told(
        self, inspection: Make, files: Files, content: str, words: str
    ) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x", files.file("bad.py", content)))
        found = refusal(one.identify([files.file("a_20190102.x")])[0])
        assert found.reason is RefusalReason.INSPECTOR_FAILED
        assert words in found.message

    def test_a_missing_inspector_is_told(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x", "/nowhere/i.py"), product(2, "b_{Y}{m}{d}.x", "colour"))
        first, second = one.identify([files.file("a_20190102.x"), files.file("b_20190102.x")])
        assert "/nowhere/i.py cannot be loaded: No such file" in refusal(first).message
        assert "there is no inspector 'colour'; the built-in ones are filename, netcdf" in refusal(second).message

    def test_a_wrong_argument_is_told(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x", "netcdf", tiem="x"))
        found = refusal(one.identify([files.file("a_20190102.x")])[0])
        assert "unexpected keyword argument 'tiem'" in found.message

    def test_what_an_empty_file_means_is_for_it_to_say(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x", files.own("return Facts()")))
        identity(one.identify([files.file("a_20190101.x", "")])[0])

    def test_it_can_import_its_neighbours_and_leaves_no_traces(self, inspection: Make, files: Files) -> None:
        files.file("neighbour.py", "STATION = 'sgp'\n")
        own = files.own("import neighbour\nreturn Facts(keywords={'s': neighbour.STATION})")
        before = sorted(os.listdir(files.directory))
        one = inspection(product(1, "a_{Y}{m}{d}.x", own))
        path = files.file("a_20190102.x")
        assert identity(one.identify([path])[0]).facts.keywords == "s=sgp"
        after = set(os.listdir(files.directory)) - {"a_20190102.x", "__pycache__"}
        assert sorted(after) == before

    def test_built_in_inspectors_open_the_file(self, inspection: Make, files: Files, tmp_path: Path) -> None:
        with netCDF4.Dataset(tmp_path / "a_20190102.nc", "w") as dataset:
            dataset.createDimension("time", 2)
            time = dataset.createVariable("time", "f8", ("time",))
            time.units = "seconds since 2019-01-02"
            time[:] = [5, 50]
        one = inspection(product(1, "{s}_{Y}{m}{d}.nc", "netcdf"))
        good, bad = one.identify([str(tmp_path / "a_20190102.nc"), files.file("b_20190102.nc")])
        assert identity(good).facts.stop.second == 50
        assert refusal(bad).reason is RefusalReason.NO_PRODUCT
        assert "product1: cannot be read as NetCDF" in refusal(bad).message


BY_NUMBER = r"""
    m = re.match(r'testDB_{apid}_(\d{{3}})\.raw$'.format(**kwargs), self.basename)
    if not m:
        return None
    start = datetime.datetime(2016, 1, 1) + datetime.timedelta(days=int(m.group(1)))
    self.diskfile.params['utc_start_time'] = start
    self.diskfile.params['utc_stop_time'] = start + datetime.timedelta(days=1)
    self.diskfile.params['utc_file_date'] = start.date()
    self.diskfile.params['version'] = Version.Version.fromString('1.0.0')
    self.diskfile.params['process_keywords'] = 'nnn=' + kwargs["apid"]
    return True
"""

BY_REGEX = r"""
    if not re.match(self.filenameregex, self.basename):
        DBlogging.dblogger.debug("Inspector {0}:  re did not match {1}".format(self.code_name, self.basename))
        return None
    day = self.extract_YYYYMMDD()
    self.diskfile.params['utc_file_date'] = day.date()
    self.diskfile.params['utc_start_time'] = day
    self.diskfile.params['utc_stop_time'] = day + datetime.timedelta(days=1) - datetime.timedelta(microseconds=1)
    self.diskfile.params['version'] = inspector.extract_Version(self.basename)
    self.diskfile.params['quality_comment'] = self.dbu.getTraceback('Product', self.product)['mission'].mission_name
    self.diskfile.params['met_start_time'] = 17
    return "That is not my dog."
"""


class TestInspectorsOfDbprocessing:
    def test_dates_by_a_number_and_keywords_of_its_own(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "testDB_000_{nnn}.raw", files.legacy(BY_NUMBER), apid="000"))
        facts = identity(one.identify([files.file("testDB_000_002.raw")])[0]).facts
        assert (facts.date, facts.keywords) == (dt.date(2016, 1, 3), "nnn=000")
        assert facts.stop == dt.datetime(2016, 1, 4, tzinfo=dt.UTC)  # inclusive, as dbprocessing has it

    def test_the_regular_expression_of_the_format(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "x_{Y}{m}{d}_v{VERSION}.cdf", files.legacy(BY_REGEX)))
        facts = identity(one.identify([files.file("x_20130214_v1.10.0.cdf")])[0]).facts
        assert (facts.date, facts.version) == (dt.date(2013, 2, 14), Version(1, 10, 0))
        assert dict(facts.extra) == {"quality_comment": "testDB", "met_start_time": 17.0}

    def test_what_it_logs_is_the_reason_of_its_refusal(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "x_{Y}{m}{d}_v{VERSION}.cdf", files.legacy(BY_REGEX)))
        assert "re did not match y.cdf" in refusal(one.identify([files.file("y.cdf")])[0]).message

    def test_it_is_asked_about_names_that_are_not_of_the_format(self, inspection: Make, files: Files) -> None:
        body = BY_REGEX.replace("self.filenameregex", "r'x.*'")
        one = inspection(
            product(1, "other_{Y}{m}{d}.cdf", files.legacy(body)),
            product(2, "x_{Y}{m}{d}.cdf", files.own("return 'no'")),
            product(3, "y_{Y}{m}{d}.cdf"),
        )
        assert identity(one.identify([files.file("x_20130214_v1.0.0.cdf")])[0]).product.product_id == 1

    def test_the_product_whose_format_fits_comes_first(self, inspection: Make, files: Files) -> None:
        body = BY_REGEX.replace("self.filenameregex", "r'x.*'")
        legacy = files.legacy(body)
        one = inspection(product(1, "other_{Y}{m}{d}.cdf", legacy), product(2, "x_{Y}{m}{d}_v{VERSION}.cdf", legacy))
        assert identity(one.identify([files.file("x_20130214_v1.0.0.cdf")])[0]).product.product_id == 2

    def test_two_that_claim_a_file_by_its_contents_are_named(self, inspection: Make, files: Files) -> None:
        legacy = files.legacy(BY_REGEX.replace("self.filenameregex", "r'x.*'"))
        one = inspection(product(1, "a_{Y}.cdf", legacy), product(2, "b_{Y}.cdf", legacy))
        found = refusal(one.identify([files.file("x_20130214_v1.0.0.cdf")])[0])
        assert found.reason is RefusalReason.TWO_PRODUCTS

    def test_facts_that_it_forgot_are_named(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "x_{Y}{m}{d}.cdf", files.legacy("return True")))
        found = refusal(one.identify([files.file("x_20130214.cdf")])[0])
        assert found.reason is RefusalReason.NO_PRODUCT
        assert "did not set utc_file_date, utc_start_time, utc_stop_time, version" in found.message

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ("params['version'] = 'new'", "its version is 'new'"),
            ("params['utc_start_time'] = 'today'", "its utc_start_time is 'today'"),
            ("params['utc_start_time'] = datetime.datetime(2500, 1, 1)", "is after its stop"),
            ("params['process_keywords'] = 17", "its process_keywords is 17"),
        ],
    )
    def test_nonsense_is_a_failure(self, inspection: Make, files: Files, change: str, words: str) -> None:
        body = BY_REGEX.replace('    return "That', f'    self.diskfile.{change}\n    return "That')
        one = inspection(product(1, "x_{Y}{m}{d}_v{VERSION}.cdf", files.legacy(body)))
        found = refusal(one.identify([files.file("x_20130214_v1.10.0.cdf")])[0])
        assert found.reason is RefusalReason.INSPECTOR_FAILED
        assert words in found.message

    def test_the_database_can_be_read_as_far_as_the_mission_goes(self, inspection: Make, files: Files) -> None:
        body = BY_REGEX.replace(
            '    return "That',
            """    dbu = self.dbu
    entry, trace = dbu.getEntry('Product', 'product1'), dbu.getTraceback('Product', self.product)
    assert (entry.product_id, entry.product_name, entry.level, entry.relative_path) == (1, 'product1', 1.0, 'L0')
    assert trace['satellite'].satellite_name == 'testDB-a' and trace['instrument'].instrument_name == 'rot13'
    assert entry.product_description == 'counts' and entry.instrument_id == trace['instrument'].instrument_id == 3
    assert trace['instrument'].satellite_id == trace['satellite'].satellite_id == 2
    assert trace['satellite'].mission_id == 1
    assert trace['inspector'].arguments == 'a=1' and trace['inspector'].filename == 'legacy.py'
    assert (dbu.mission, dbu.MissionDirectory, dbu.getMissionDirectory()) == ('testDB', '/m', '/m')
    assert (dbu.getIncomingPath(), dbu.getErrorPath()) == ('/m/incoming', '/m/errors')
    assert (dbu.getCodeDirectory(), dbu.getInspectorDirectory()) == ('/m/codes', '/m/inspectors')
    assert dbu.getEntry('Mission', 1).rootdir == '/m' and dbu.getMissions() == ['testDB']
    assert dbu.getAllProducts(id_only=True) == [1] and dbu.getProductID('product1') == 1
    return "That""",
        )
        one = inspection(product(1, "x_{Y}{m}{d}_v{VERSION}.cdf", files.legacy(body), a="1"))
        identity(one.identify([files.file("x_20130214_v1.10.0.cdf")])[0])

    @pytest.mark.parametrize(
        ("use", "words"),
        [
            ("self.dbu.session.query(1)", "dbu.session is not available: an inspector run by dbproc has no database"),
            ("self.dbu.getFiles()", "dbu.getFiles is not available"),
            ("self.dbu.getEntry('File', 1)", "dbu.getEntry('File', …) is not available"),
            ("self.dbu.getTraceback('File', 1)", "dbu.getTraceback('File', …) is not available"),
            ("self.dbu.getEntry('Product', 99)", "the mission has no product 99"),
            ("self.dbu.getEntry('Product', 1).format = 'x'", "product.format cannot be set"),
            ("self.dbu.getEntry('Product', 1).super_product", "dbproc gives inspectors no product.super_product"),
        ],
    )
    def test_other_uses_of_the_database_say_what_is_not_available(
        self, inspection: Make, files: Files, use: str, words: str
    ) -> None:
        one = inspection(product(1, "x_{Y}{m}{d}.cdf", files.legacy(use)))
        found = refusal(one.identify([files.file("x_20130214.cdf")])[0])
        assert found.reason is RefusalReason.INSPECTOR_FAILED
        assert words in found.message

    def test_a_broken_inspector_of_another_product_is_mentioned(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "x_{Y}.cdf", files.file("bad.py", "print 'Python 2'")))
        found = refusal(one.identify([files.file("y.cdf")])[0])
        assert found.reason is RefusalReason.NO_PRODUCT
        assert "bad.py cannot be loaded: SyntaxError" in found.message

    def test_it_is_not_found_outside_the_worker(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "x_{Y}{m}{d}_v{VERSION}.cdf", files.legacy(BY_REGEX)))
        identity(one.identify([files.file("x_20130214_v1.10.0.cdf")])[0])
        assert "dbprocessing" not in sys.modules


class TestVerdicts:
    def test_every_product_says_its_word(self, inspection: Make, files: Files) -> None:
        one = inspection(
            product(1, "a_{Y}{m}{d}.x"),
            product(2, "b_{Y}{m}{d}.x"),
            product(3, "a_{Y}{m}{d}.x", "netcdf"),
            product(4, "{any}", files.own("1 / 0")),
            product(5, "z_{Y}{m}{d}.x", files.legacy("return None")),
        )
        found = one.verdicts(files.file("a_20190102.x"))
        assert [each.product_id for each in found] == [1, 2, 3, 4, 5]
        assert found[0].facts is not None
        assert [each.reason.split(":")[0] for each in found] == [
            "",
            "its name is not of the format b_{Y}{m}{d}.x",
            "cannot be read as NetCDF",
            "inspector failed",
            "its inspector says no",
        ]

    def test_no_product_opens_what_is_no_file(self, inspection: Make, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a_20190102.x")
        one = inspection(product(1, "a_{Y}{m}{d}.x", "netcdf"), product(2, "b"))
        assert [each.reason for each in one.verdicts(str(tmp_path / "a_20190102.x"))] == ["is a fifo"] * 2

    def test_an_output_is_confirmed_by_the_product_it_is_for(self, inspection: Make, files: Files) -> None:
        one = inspection(product(1, "a_{Y}{m}{d}.x"), product(2, "a_{Y}{m}{d}.x"))
        path = files.file("a_20190102.x")
        assert one.confirm_many([(path, 2)])[0].facts is not None
        items = [(path, 1), (files.file("b_20190102.x"), 1), ("/nothing/a_20190102.x", 2)]
        assert [each.reason for each in one.confirm_many(items)] == [
            "",
            "its name is not of the format a_{Y}{m}{d}.x",
            "vanished",
        ]


def test_the_station_imports_no_database_and_no_heavy_library() -> None:
    code = (
        "import dbproc.products.inspection, sys; "
        "print(*{'sqlalchemy', 'numpy', 'click', 'netCDF4', 'h5py', 'PIL', 'tifffile'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_hundreds_of_products_and_files_are_sorted_out(inspection: Make, files: Files) -> None:
    own = files.own("return Facts()")
    legacy = files.legacy(BY_REGEX)
    kinds = ("filename", own, legacy)
    products = [
        product(number, f"p{number:03d}_{{Y}}{{m}}{{d}}_v{{VERSION}}.x", kinds[number % 3]) for number in range(300)
    ]
    paths = [files.file(f"p{number:03d}_20190102_v1.0.0.x") for number in range(299, -1, -1)]
    found = inspection(*products).identify(paths)
    assert [identity(each).product.product_id for each in found] == list(range(299, -1, -1))

"""What dbprocessing's inspectors import behaves as they expect."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dbproc.products.dbprocessing.shim.dbprocessing import DBlogging, DBstrings, Diskfile, Utils, Version, inspector

SHIM = str(Path(DBlogging.__file__).parent.parent)


class TestVersion:
    def test_numbers_may_be_text_and_are_public(self) -> None:
        version = Version.Version("1", "02", 3)
        assert (version.interface, version.quality, version.revision) == (1, 2, 3)
        assert (str(version), repr(version), f"{version:>7}") == ("1.2.3", "Version: 1.2.3", "  1.2.3")

    def test_it_is_read_from_text(self) -> None:
        assert Version.Version.fromString("4.5.6") == Version.Version(4, 5, 6)
        with pytest.raises(TypeError):
            Version.Version.fromString("1.2")

    def test_it_is_ordered(self) -> None:
        assert Version.Version(1, 10, 0) > Version.Version(1, 9, 9)
        assert Version.Version(1, 0, 0) != Version.Version(1, 0, 1)
        assert Version.Version(2, 1, 0) - Version.Version(1, 3, 0) == [1, -2, 0]

    def test_raising_one_part_resets_the_lower_ones(self) -> None:
        version = Version.Version(1, 2, 3)
        version.incRevision()
        assert str(version) == "1.2.4"
        version.incQuality()
        assert str(version) == "1.3.0"
        version.incInterface()
        assert str(version) == "2.0.0"

    def test_the_interface_is_never_zero(self) -> None:
        with pytest.raises(Version.VersionError):
            Version.Version(0, 1, 0)


class TestReadingNames:
    @pytest.mark.parametrize(
        ("name", "day"),
        [
            ("rbspa_pre_L1_20130214_v1.0.0.cdf", dt.datetime(2013, 2, 14)),
            ("19991231235959", dt.datetime(1999, 12, 31)),
            ("x_20130231_v1.0.0.cdf", None),
            ("x_19520201_v1.0.0.cdf", None),
            ("x_20510201_v1.0.0.cdf", None),
            ("nothing", None),
        ],
    )
    def test_the_first_date(self, name: str, day: dt.datetime | None) -> None:
        assert inspector.extract_YYYYMMDD(name) == day

    def test_the_first_month(self) -> None:
        assert inspector.extract_YYYYMM("x_20130231.cdf") == dt.date(2013, 2, 1)
        assert inspector.extract_YYYYMM("x_2013_v1.cdf") is None

    def test_valid_dates(self) -> None:
        assert inspector.valid_YYYYMMDD("20120229")
        assert not inspector.valid_YYYYMMDD("20120230")

    def test_the_version(self) -> None:
        assert inspector.extract_Version("x_20130202_v1.10.0.cdf") == Version.Version(1, 10, 0)
        assert inspector.extract_Version("x_V1.10.0.cdf", basename=True) == (Version.Version(1, 10, 0), "x_")
        for name in ("x_v1.f.0.cdf", "x_v1.0.cdf", "x_1.0.0.cdf"):
            assert inspector.extract_Version(name) is None
            assert inspector.extract_Version(name, basename=True) is None


class TestFormats:
    @pytest.mark.parametrize(
        ("text", "regex"),
        [
            ("testDB_{datetime}.cat", r"testDB_((19|2\d)\d\d(0\d|1[0-2])[0-3]\d).cat"),
            ("testDB_{APID}.cat", r"testDB_([\da-fA-F]+).cat"),
            ("testDB_{nonsense}.cat", r"testDB_(.*).cat"),
            ("x_{MILLI}_{???}_{nn}", r"x_(\d{3})_(...)_(\d\d)"),
            ("foobar", "foobar"),
        ],
    )
    def test_a_format_becomes_a_regular_expression(self, text: str, regex: str) -> None:
        assert inspector.DefaultFormatter().re(text) == regex

    def test_given_fields_are_filled_in(self) -> None:
        formatter = inspector.DefaultFormatter()
        day = dt.datetime(2010, 1, 1)
        assert formatter.re("foo_{bar}_{Y}_{nothing}", bar="bar", arg="none", datetime=day) == "foo_bar_2010_(.*)"
        assert formatter.expand_format("foo_{bar}_{Y}_{nothing}") == "foo_{bar}_{Y:04d}_{nothing}"

    def test_a_time_is_spread_over_the_fields(self) -> None:
        text = DBstrings.DBformatter().format(
            "{Y}{m}{d}T{H}{M}{S}_{j}_{y}_{b}_{MILLI}_{DATE}_{VERSION}",
            datetime=dt.datetime(2010, 2, 3, 4, 5, 6, 7000),
            VERSION="1.0.0",
        )
        assert text == "20100203T040506_034_10_Feb_007_20100203_1.0.0"

    def test_unknown_fields_are_missed_by_the_plain_formatter(self) -> None:
        with pytest.raises(KeyError):
            DBstrings.DBformatter().re("{nothing}")

    def test_every_special_field_reads_what_it_writes(self) -> None:
        formatter = DBstrings.DBformatter()
        day = dt.datetime(2013, 12, 31, 23, 59, 58, 123456)
        others = {"QACODE": "ok", "VERSION": "1.2.3", "mday": -3, "APID": 0x3F, "nn": "12", "nnn": "123"}
        others |= {"nnnn": "1234", "??": "ab", "???": "abc", "????": "abcd"}
        for field in formatter.SPECIAL_FIELDS:
            if field != "datetime":
                written = formatter.format("{" + field + "}", datetime=day, **others)
                assert re.fullmatch(formatter.re("{" + field + "}"), written), field


class TestUtils:
    def test_arguments_are_read_until_one_has_no_value(self) -> None:
        assert Utils.strargs_to_args("foo=bar baz=qux") == {"foo": "bar", "baz": "qux"}
        assert Utils.strargs_to_args(["a=1", "b=2"]) == {"a": "1", "b": "2"}
        assert Utils.strargs_to_args("-q") == {}
        assert Utils.strargs_to_args(None) is None

    def test_dates(self) -> None:
        day, time = dt.date(2010, 1, 1), dt.datetime(2010, 1, 1, 5)
        assert Utils.datetimeToDate(time) == Utils.datetimeToDate(day) == day
        assert Utils.toDatetime(time) == time
        assert Utils.toDatetime(day) == Utils.toDatetime("2010-01-01") == dt.datetime(2010, 1, 1)
        assert Utils.toDatetime(day, end=True) == dt.datetime(2010, 1, 1, 23, 59, 59, 999999)
        assert Utils.dateForPrinting(time) == "[2010-01-01T05:00:00]"
        days = [dt.datetime(2010, 1, number) for number in (1, 2, 3)]
        assert list(Utils.expandDates(days[0], days[2])) == Utils.daterange_to_dates([days[0], days[2]]) == days

    def test_a_directory_is_filled_in(self) -> None:
        day, time = dt.date(2012, 4, 2), dt.datetime(2012, 4, 1, 1, 2, 3)
        rows = {
            "instrument": SimpleNamespace(instrument_name="hope"),
            "satellite": SimpleNamespace(satellite_name="rbspa"),
            "mission": SimpleNamespace(mission_name="rbsp"),
            "product": SimpleNamespace(product_name="hope_l1"),
        }
        dbu = SimpleNamespace(getTraceback=lambda table, name: {("File", "x.cdf"): rows}[table, name])
        filled = Utils.dirSubs("{Y}/{b}{d}_{y}{j}/{DATE}/{H}{M}{S}/v{VERSION}/{odd}", "x.cdf", day, time, "1.2.3")
        assert filled == "2012/Apr02_12093/20120402/010203/v1.2.3/{odd}"
        names = Utils.dirSubs(
            "{INSTRUMENT}/{SATELLITE}{SPACECRAFT}/{MISSION}/{PRODUCT}",
            "x.cdf",
            day,
            time,
            Version.Version(1, 0, 0),
            dbu,
        )
        assert names == "hope/rbsparbspa/rbsp/hope_l1"

    def test_a_configuration_file_is_read(self, tmp_path: Path) -> None:
        file = tmp_path / "x.conf"
        file.write_text(
            "[mission]\nmission_name = m\n[process_a]\nrequired_input1 = product_x\n"
            "optional_input1 = (product_y, 1, 2)\noptional_input2 = ('product_z', 3)\n"
        )
        assert Utils.readconfig(str(file)) == {
            "mission": {"mission_name": "m"},
            "process_a": {
                "required_input1": ("product_x", 0, 0),
                "optional_input1": ("product_y", 1, 2),
                "optional_input2": ("product_z", 3, 0),
            },
        }

    def test_progress_is_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        Utils.progressbar(0, 1, 100)
        Utils.progressbar(2, 1, 2, text="Build:")
        assert capsys.readouterr().out == "\rDownload Progress ...0%\rBuild: ...100%\n"

    def test_small_things(self) -> None:
        assert list(Utils.chunker([1, 2, 3], 2)) == [[1, 2], [3]]
        assert Utils.unique([3, 1, 3]) == [3, 1]
        assert list(Utils.flatten([1, [2, ["ab", 3]]])) == [1, 2, "ab", 3]
        assert (Utils.toBool("Yes"), Utils.toBool("no"), Utils.toNone("none"), Utils.toNone("x")) == (
            True,
            False,
            None,
            "x",
        )
        assert Utils.split_code_args("code -n hello outfile") == ["code", "-n hello", "outfile"]
        assert Utils.parseVersion("1.2.3") == Version.Version(1, 2, 3)

    def test_what_is_missing_says_so(self) -> None:
        with pytest.raises(AttributeError, match=r"Utils\.nonsense is not available"):
            Utils.nonsense  # noqa: B018


DBU = SimpleNamespace(
    mission="m",
    getEntry=lambda table, product: SimpleNamespace(format="x_{Y}{m}{d}.cdf", level=2.0),
    getTraceback=lambda table, product: {"mission": SimpleNamespace(mission_name="rbsp")},
)


class Example(inspector.inspector):
    code_name = "example.py"

    def inspect(self, kwargs: dict[str, str]) -> Any:
        assert self.diskfile is not None
        if "refuse" in kwargs:
            return None
        day = self.extract_YYYYMMDD()
        assert day is not None
        self.diskfile.params["utc_file_date"] = day.date()
        self.diskfile.params["utc_start_time"] = day
        self.diskfile.params["utc_stop_time"] = day + dt.timedelta(days=1)
        self.diskfile.params["version"] = None if "incomplete" in kwargs else Version.Version(1, 0, 0)
        self.diskfile.params["data_level"] = 9.0 if "level" in kwargs else None
        return "anything"


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "x_20130214.cdf").write_text("content")
    return str(tmp_path / "x_20130214.cdf")


class TestInspector:
    def test_it_gives_the_file_with_its_facts(self, path: str) -> None:
        diskfile = Example(path, DBU, 7)()
        assert diskfile is not None
        assert diskfile.mission == "rbsp"
        assert diskfile.params["product_id"] == 7
        assert diskfile.params["data_level"] == 2.0
        assert diskfile.params["exists_on_disk"] is True
        assert diskfile.params["filename"] == "x_20130214.cdf"
        assert repr(diskfile) == f"<Diskfile.Diskfile object: {path}>"
        assert "params['version'] = 1.0.0\n" in str(diskfile)

    def test_its_attributes(self, path: str) -> None:
        example = Example(path, DBU, 7)
        assert (example.filename, example.basename, example.product) == (path, "x_20130214.cdf", 7)
        assert example.dirname == str(Path(path).parent)
        assert example.filenameformat == "x_{Y}{m}{d}.cdf"
        assert example.filenameregex == r"x_((19|2\d)\d\d)((0\d|1[0-2]))([0-3]\d).cdf"

    @pytest.mark.parametrize("word", ["refuse", "incomplete"])
    def test_none_when_it_refuses_or_lacks_a_fact(self, path: str, word: str) -> None:
        assert Example(path, DBU, 7, **{word: "1"})() is None

    def test_a_level_of_its_own_is_ignored_with_a_warning(self, path: str) -> None:
        with pytest.warns(UserWarning, match="example.py:  set level to 9.0, this is ignored"):
            diskfile = Example(path, DBU, 7, level="1")()
        assert diskfile is not None
        assert diskfile.params["data_level"] == 2.0

    def test_a_file_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(Diskfile.ReadError):
            Example(str(tmp_path / "nothing"), DBU, 7)

    def test_digests_are_sha1(self, path: str) -> None:
        assert Diskfile.calcDigest(path) == hashlib.sha1(b"content").hexdigest()
        with pytest.raises(Diskfile.DigestError):
            Diskfile.calcDigest(path + ".nothing")


def test_logging_makes_no_file_and_disturbs_nobody(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {SHIM!r}); from dbprocessing import DBlogging\n"
        "DBlogging.dblogger.error('said'); DBlogging.change_logfile('mission')"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, env={"HOME": str(tmp_path)}, cwd=tmp_path
    )
    assert (done.stdout, done.stderr, list(tmp_path.iterdir())) == (b"", b"", [])
    assert DBlogging.LEVELS["info"] == logging.INFO


def test_it_is_imported_under_dbprocessings_name_and_needs_nothing_of_dbproc() -> None:
    code = (
        f"import sys; sys.path.insert(0, {SHIM!r})\n"
        "from dbprocessing import DBlogging, Diskfile, DBstrings, Utils, Version, inspector, DButils\n"
        "from dbprocessing.inspector import extract_YYYYMMDD\n"
        "assert not [name for name in sys.modules if name.startswith('dbproc.')]\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)

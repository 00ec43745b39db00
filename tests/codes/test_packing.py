"""Packed datasets read through OpenVisus as what they were; every damage to them is named; copies serve over HTTP."""

from __future__ import annotations

import http.server
import json
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbproc.cli import main
from dbproc.codes.idx import bins, hz, idx_file, manifest
from dbproc.codes.idx.codec import Codec
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.verification import verify
from dbproc.codes.idx_publish import publish
from tests.codes.conftest import environment
from tests.codes.packs import array

PROGRAM = Path(__file__).with_name("packs.py")
SCALARS = [["f", "float64", 1], ["g", "int32", 1]]
MIXED = [["f", "float32", 1], ["rgb", "uint8", 3]]
CASES: list[dict[str, Any]] = [
    {"name": "zip", "shape": [33, 20, 17], "fields": MIXED, "codec": "zip"},
    {"name": "threads", "shape": [33, 20, 17], "fields": MIXED, "codec": "zip", "threads": 5},
    {"name": "raw", "shape": [33, 20, 17], "fields": MIXED, "codec": "raw"},
    {"name": "times", "shape": [40, 50], "fields": SCALARS, "codec": "zip", "steps": 3, "bits": 7, "per_file": 8},
    {"name": "zfp", "shape": [40, 50], "fields": SCALARS, "codec": "zfp", "steps": 2},
    {"name": "line", "shape": [5000], "fields": [["v", "int16", 1]], "codec": "zip"},
    {"name": "five", "shape": [7, 6, 5, 4, 9], "fields": [["v", "float32", 1]], "codec": "zip"},
    {"name": "lossy", "shape": [50, 60], "fields": [["v", "float32", 1]], "codec": "zfp-accuracy=0.00001"},
    {
        "name": "holes",
        "shape": [50, 60],
        "fields": [["v", "float32", 1]],
        "codec": "zfp-accuracy=0.01",
        "holes": [[0, -9999.5], [777, float("inf")], [1500, -9999.5]],
        "fills": [-9999.5],
    },
    {"name": "unfit", "shape": [33, 20, 17], "fields": MIXED, "codec": "zfp"},
]
CASE = {each["name"]: each for each in CASES}


def program(*arguments: object) -> str:
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    done = subprocess.run(command, env=environment(), text=True, capture_output=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A directory with a dataset for each case, and what came out of each."""
    directory = tmp_path_factory.mktemp("packed")
    return directory, json.loads(program("make", directory, json.dumps(CASES)).rpartition("RESULT")[2])


Made = tuple[Path, dict[str, Any]]


@pytest.mark.parametrize("name", ["zip", "raw", "times", "zfp", "line", "five"])
def test_packed_without_loss_it_reads_bit_for_bit(made: Made, name: str) -> None:
    assert made[1][name]["equal"]
    assert not made[1][name]["notes"]


@pytest.mark.parametrize("name", ["zip", "times", "zfp", "line", "five"])
def test_it_gets_smaller(made: Made, name: str) -> None:
    assert made[1][name]["packed"] < made[1][name]["raw"]


def test_the_same_input_gives_the_same_bytes_whatever_the_threads(made: Made) -> None:
    assert list(made[1]["zip"]["digests"].values()) == list(made[1]["threads"]["digests"].values())


def test_a_lossy_codec_keeps_its_bound_and_says_what_was_lost(made: Made) -> None:
    found = made[1]["lossy"]
    assert 0 < found["error"] <= found["errors"]["v"] <= 1e-5
    assert "differ from the source's by at most" in found["notes"][0]


def test_missing_and_infinite_values_keep_their_bits_under_a_lossy_codec(made: Made, tmp_path: Path) -> None:
    case = CASE["holes"]
    program("read", made[0] / "holes.idx", "v", 0, tmp_path / "v.npy", "60,50")
    found, wanted = np.load(tmp_path / "v.npy"), array(case, 0, 0)
    for index, _ in case["holes"]:
        assert found.reshape(-1)[index] == wanted.reshape(-1)[index]
    finite = np.isfinite(wanted)
    assert 0 < np.abs(found[finite] - wanted[finite]).max() <= 0.01


def test_a_codec_that_does_not_fit_is_refused_before_anything_is_written(made: Made) -> None:
    found = made[1]["unfit"]
    assert "zfp cannot hold rgb (uint8[3], 3D)" in found["refused"]
    assert "float32, float64, int32, int64" in found["refused"]
    assert not found["files"]


@pytest.mark.parametrize(
    "text", ["zstd", "zfp-accuracy=0", "zfp-accuracy=x", "zfp-accuracy=inf", "zfp-precision=3", ""]
)
def test_an_unknown_codec_is_answered_with_the_choices(text: str) -> None:
    with pytest.raises(Refusal, match="Choose one of: raw, zip, zfp"):
        Codec.parse(text)


def test_a_bound_is_told_to_openvisus_without_an_exponent() -> None:
    assert Codec.parse("zfp-accuracy=1e-7").in_idx == "zfp-accuracy=0.0000001-accuracy=0.0000001"


def test_the_blocks_that_meet_a_box_are_those_with_a_sample_in_it() -> None:
    bits = (0, 1, 2, 0, 1, 0, 0)
    stored = idx_file.IdxFile(((0, 16), (0, 4), (0, 2)), (), bits, 3, 16, "./x/%04x.bin", "", (0,), 0)
    rng = random.Random(0)
    for _ in range(50):
        edges = [tuple(sorted(rng.sample(range(stop + 1), 2))) for _, stop in stored.box]
        wanted = []
        for block in range(stored.blocks):
            rows = hz.lattice(bits, 3, block, 3)
            places = [[row.start + k * row.step for k in range(row.count)] for row in rows]
            inside = [[k for k, at in enumerate(own) if a <= at < b] for own, (a, b) in zip(places, edges, strict=True)]
            if all(inside):
                wanted.append(block)
                for row, own, found, (a, b) in zip(rows, places, inside, edges, strict=True):
                    part, place = row.within(a, b)
                    assert list(range(row.count))[part] == found
                    assert list(range(a, b))[place] == [own[k] for k in found]
        assert list(hz.meeting(stored, edges)) == wanted


def test_the_blocks_that_hold_data_are_those_that_openvisus_writes(made: Made) -> None:
    for name in ("zip", "times", "line", "five"):
        idx = made[0] / f"{name}.idx"
        stored = idx_file.read(idx)
        wanted = set(hz.needed(stored))
        for field in range(len(stored.fields)):
            found = {
                first + k
                for _, first, path in stored.bins(idx)
                if path.exists()
                for k, entry in enumerate(bins.read_table(path, stored)[field * stored.blocks_per_file :])
                if entry and k < stored.blocks_per_file
            }
            assert found == wanted


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda d: b"\1" + d[1:], "not ten zeros"),
        (lambda d: d[:40] + b"\1" + d[41:], "not as OpenVisus writes it"),
        (lambda d: d[:60] + b"\x01" + d[61:], "not as OpenVisus writes it"),
        (lambda d: d[:48] + d[88:92] + d[52:], "lies over"),
        (lambda d: d[:-1], "the file at"),
        (lambda d: d[:100], "table of blocks is cut"),
    ],
)
def test_a_bin_that_is_not_as_expected_is_refused(
    made: Made, tmp_path: Path, damage: Callable[[bytes], bytes], complaint: str
) -> None:
    stored = idx_file.read(made[0] / "zip.idx")
    path = tmp_path / "0000.bin"
    path.write_bytes(damage((made[0] / "zip" / "0000.bin").read_bytes()))
    with pytest.raises(Refusal, match=complaint):
        bins.read_table(path, stored)


# --- verification ---


@pytest.fixture
def dataset(made: Made, tmp_path: Path) -> Path:
    """A whole dataset of its own with timesteps and two fields."""
    shutil.copytree(made[0] / "times", tmp_path / "times")
    return Path(shutil.copy(made[0] / "times.idx", tmp_path))


def files(idx: Path) -> list[Path]:
    return [idx, *sorted(each for each in idx.with_suffix("").rglob("*") if each.is_file())]


def test_a_whole_dataset_is_whole(dataset: Path) -> None:
    verdict = verify(dataset)
    assert verdict.whole
    assert verdict.listed
    assert verdict.files == len(files(dataset)) - 1


def test_no_flip_in_or_cut_at_or_loss_of_anything_passes(dataset: Path) -> None:
    stored, chance = idx_file.read(dataset), random.Random(4)
    places = {path: [(step, first)] for step, first, path in stored.bins(dataset)}
    blocks = 0
    for path in files(dataset):
        content = path.read_bytes()
        table = [each for each in bins.read_table(path, stored) if each] if path in places else []
        starts = [each.offset for each in table] + [chance.randrange(len(content)) for _ in range(3)]
        for start in starts:
            flipped = bytearray(content)
            flipped[start] ^= 1 << chance.randrange(8)
            for damaged in (bytes(flipped), content[:start]):
                path.write_bytes(damaged)
                found = verify(dataset).damages
                assert path.name in {Path(each.file).name for each in found}
                blocks += any(each.block is not None for each in found)
        path.unlink()
        assert not verify(dataset).whole
        path.write_bytes(content)
    assert verify(dataset).whole
    assert blocks > 100


def test_a_damaged_block_is_named_by_timestep_field_and_number(dataset: Path) -> None:
    stored = idx_file.read(dataset)
    path = stored.bin(dataset, 2, 1, 9)
    entry = bins.read_table(path, stored)[stored.blocks_per_file + 1]
    assert entry is not None
    content = bytearray(path.read_bytes())
    content[entry.offset] ^= 1
    path.write_bytes(content)
    assert "times/t0002/0008.bin: timestep 2 field g block 9: changed" in map(str, verify(dataset).damages)


def test_files_that_do_not_belong_to_it_are_named(dataset: Path) -> None:
    (dataset.with_suffix("") / "t0000" / "0000.bin.old").write_text("x")
    assert [str(each) for each in verify(dataset).damages] == ["times/t0000/0000.bin.old: it is no file of the dataset"]


def test_without_a_manifest_missing_cut_and_undecodable_blocks_are_found(dataset: Path) -> None:
    manifest.path(dataset).unlink()
    assert "manifest is missing" in str(verify(dataset).damages[0])
    text = dataset.read_text()
    dataset.write_text(text[: text.index("(metadata)")])
    verdict = verify(dataset)
    assert verdict.whole
    assert "no changed values of raw blocks" in verdict.notes[0]
    path = dataset.with_suffix("") / "t0001" / "0000.bin"
    content = path.read_bytes()
    for damaged in (content[:-3], content[:-30] + b"x" + content[-29:]):
        path.write_bytes(damaged)
        assert not verify(dataset).whole
    path.unlink()
    assert "times/t0001/0000.bin: timestep 1 field g block 3: missing" in map(str, verify(dataset).damages)


def test_the_command_tells_what_is_damaged_by_its_status(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["idx", "verify", str(dataset.parent)]) == 0
    assert "times.idx: whole" in capsys.readouterr().out
    dataset.write_text(dataset.read_text() + "\n")
    assert main(["idx", "verify", "--json", str(dataset)]) == 1
    (told,) = json.loads(capsys.readouterr().out)
    assert not told["whole"]
    assert told["damages"][0]["file"] == "times.idx"
    assert main(["idx", "verify", str(dataset.with_name("none.idx"))]) == 2


# --- publishing ---


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A plain static server of the directory, on loopback."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path))

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(("name", "field", "step"), [("zip", 1, 0), ("times", 1, 2)])
def test_an_arco_copy_is_read_over_plain_http_bit_for_bit(
    made: Made, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch, name: str, field: int, step: int
) -> None:
    monkeypatch.setattr("dbproc.codes.idx.arco.BLOCK_BYTES", 8192)
    case, copy = CASE[name], tmp_path / "copy.idx"
    assert "read back equal" in publish(made[0] / f"{name}.idx", copy)
    dims = ",".join(map(str, reversed(case["shape"])))
    program("read", f"{server}/copy.idx", case["fields"][field][0], step, tmp_path / "found.npy", dims)
    assert np.load(tmp_path / "found.npy").tobytes() == array(case, field, step).tobytes()
    assert verify(copy).whole
    block = next((tmp_path / "copy").rglob("0001.bin"))
    content = block.read_bytes()
    block.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert any(each.block == 1 for each in verify(copy).damages)


def test_a_damaged_dataset_is_not_published(dataset: Path) -> None:
    next(dataset.with_suffix("").rglob("*.bin")).unlink()
    with pytest.raises(Refusal, match="it is damaged"):
        publish(dataset, dataset.with_name("copy.idx"))
    assert sorted(path.name for path in dataset.parent.iterdir()) == ["times", "times.idx"]

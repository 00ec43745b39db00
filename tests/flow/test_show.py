"""What a mission is made of, with its numbers."""

from __future__ import annotations

from tests.kit.mission import Mission, chain, optional, process, product, window


def test_products_and_processes_have_their_numbers_and_say_what_they_are_to_each_other(sqlite_mission: Mission) -> None:
    more = [product("sum", 3), process("to_sum", "sum", [window("smooth", 1), optional("raw")])]
    mission = sqlite_mission.create(*chain(), *more)
    mission.deliver("raw_20200101_v1.0.0.txt")
    mission.run()
    numbers = dict(mission.rows("SELECT product_name, product_id FROM product"))
    shown = {row["name"]: row for row in mission.dbproc("show", "products", "--json").json}
    assert {name: row["number"] for name, row in shown.items()} == numbers
    assert (shown["raw"]["made_by"], shown["raw"]["used_by"], shown["raw"]["files"]) == (
        None,
        ["to_clean", "to_sum"],
        1,
    )
    assert shown["smooth"]["made_by"] == "to_smooth"

    (one,) = mission.dbproc("show", "processes", "to_sum", "--json").json
    (required,) = mission.dbproc("show", "processes", str(one["number"]), "--required", "--json").json
    assert [(each["product"], each["number"], each["optional"]) for each in one["inputs"]] == [
        ("smooth", numbers["smooth"], False),
        ("raw", numbers["raw"], True),
    ]
    assert [each["product"] for each in required["inputs"]] == ["smooth"]
    assert one["codes"] == ["to_sum.sh 1.0.0"]
    told = mission.dbproc("show", "processes").out
    assert f"smooth (days before: 1, after: 0) [{numbers['smooth']}], raw (optional) [{numbers['raw']}]" in told
    assert f"root: {mission.root}" in mission.dbproc("show", "mission").out
    assert "no product row; did you mean raw?" in mission.dbproc("show", "products", "row", status=2).err


def test_the_mission_says_where_files_come_from_and_are_kept(sqlite_mission: Mission) -> None:
    tables = [
        '[notify.me]\ncommand = ["/bin/mail", "me"]\n',
        '[source.web]\nurl = "https://example.org/data"\npath = "{Y}/*.cdf"\nevery = "6 h"\ntoken = "env:TOKEN"\n',
        '[store.nas]\nurl = "file:///stores/nas"\ntrust = "untrusted"\n',
        '[[replicate]]\nproducts = ["*"]\nto = ["nas"]\n',
        '[area.users]\ndirectory = "/srv/users"\n',
    ]
    mission = sqlite_mission.create(*chain(), *tables)
    assert mission.dbproc("show", "mission").out.splitlines()[-5:] == [
        '  hook me: command ["/bin/mail", "me"]',
        '  source web: url "https://example.org/data", token "env:TOKEN", path "{Y}/*.cdf", every 6 h',
        '  store nas: url "file:///stores/nas", trust "untrusted"',
        '  replicate 1: products ["*"], to ["nas"]',
        '  area users: directory "/srv/users"',
    ]
    shown = mission.dbproc("show", "mission", "--json").json["tables"]
    assert shown[2] == {"kind": "store", "name": "nas", "words": 'url "file:///stores/nas", trust "untrusted"'}
    exported = mission.root / "exported.toml"
    exported.write_text(mission.dbproc("export").out)
    assert "nothing" in mission.dbproc("apply", str(exported), "--dry-run").out.lower()

"""people.toml and [people]: who is known, every fault with its line, and what a change of the file means."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hitl_core.config import Config, connect
from hitl_core.errors import ConfigError
from hitl_core.people import PeopleFile
from hitl_core.people import file as files

ANN = '[people.ann]\nroles = ["lead"]\n'
MINIMAL = '[backend]\nname = "plain"\napp = "desk:app"\n'


def written(folder: Path, text: str, name: str = "people.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


async def test_what_a_person_is(tmp_path: Path) -> None:
    text = """
    [people.ann]
    name = "Ann Ames"
    roles = ["lead"]
    groups = ["finance"]
    tenant = "shop"
    delegate = "bob"
    away = [{ from = 2026-12-01, until = 2026-12-02T09:00:00+01:00 }]
    [people.bob]
    """
    people = PeopleFile(written(tmp_path, text))
    ann, bob = await people.person("ann"), await people.person("bob")
    assert ann is not None
    assert bob is not None
    assert (ann.name, ann.acts_in) == ("Ann Ames", ("lead", "group:finance"))
    assert [ann.belongs_to(tenant) for tenant in ("shop", "default")] == [True, False]
    assert (bob.acts_in, bob.tenant, await people.delegators("bob")) == ((), "default", (ann,))
    assert await people.person("carl") is None
    times = [datetime(2026, 11, 30, 23, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)]
    times += [datetime(2026, 12, 2, 7, 59, tzinfo=UTC), datetime(2026, 12, 2, 8, tzinfo=UTC)]
    assert [ann.is_away(time) for time in times] == [False, True, True, False]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["people.toml:1: people: has nobody in it"]),
        ("people = 3", ["people.toml:1: people: must be a table, not an integer"]),
        ("[people.ann", ["people.toml:1: is not TOML"]),
        ('[people.""]', ["must have an id that is not empty"]),
        (
            '[peopel.ann]\nroles = ["lead"]',
            ["people.toml:1: peopel: 'peopel' is not a known key; did you mean 'people'?"],
        ),
        (f"{ANN}rolse = 3", ["people.toml:3: people.ann.rolse: 'rolse' is not a known key; did you mean 'roles'?"]),
        (
            "[people.ann]\nroles = []\ngroups = 7",
            ["people.toml:2: people.ann.roles: must", ":3: people.ann.groups: must"],
        ),
        (f'{ANN}delegate = "anne"', ["people.toml:3: people.ann.delegate: 'anne' is not a known person"]),
        (f'{ANN}delegate = "ann"', ["people.toml:3: people.ann.delegate: names the person itself"]),
        (f"{ANN}away = [{{ from = 2026-12-01 }}]", ["people.toml:3: people.ann.away[0].until: is missing"]),
        (
            f'{ANN}away = [{{ from = "soon", until = 2026-12-01T09:00:00 }}]',
            ["away[0].from: must be a date such as 2026-12-01, not text", "away[0].until: needs its offset"],
        ),
        (f"{ANN}away = [{{ from = 2026-12-02, until = 2026-12-01 }}]", ["away[0].until: must be later than"]),
    ],
)
def test_every_fault_is_told_with_its_place(tmp_path: Path, text: str, faults: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        PeopleFile(written(tmp_path, text))
    told = [str(fault) for fault in caught.value.faults]
    assert len(told) == len(faults)
    assert all(expected in fault for expected, fault in zip(faults, told, strict=True)), told


async def test_a_file_that_changes_is_read_again_and_one_that_is_refused_knows_nobody(tmp_path: Path) -> None:
    people = PeopleFile(written(tmp_path, ANN))
    written(tmp_path, '[people.bob]\nroles = ["lead"]\n# changed')
    assert await people.person("ann") is None
    assert await people.person("bob") is not None
    written(tmp_path, "[people.bob")
    assert await people.person("bob") is None
    os.remove(tmp_path / "people.toml")
    assert await people.person("bob") is None


async def test_a_reading_that_breaks_on_its_way_knows_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(path: Path) -> object:
        raise RecursionError("maximum recursion depth exceeded")

    people = PeopleFile(written(tmp_path, ANN))
    written(tmp_path, '[people.bob]\nroles = ["lead"]\n# changed')
    monkeypatch.setattr(files, "read_people", breaks)
    assert await people.person("ann") is None
    assert await people.person("ann") is None


# ── [people] ─────────────────────────────────────────────────────────────────────────────────────────────────

DIRECTORY = """
from hitl_core.people import Person

class Staff:
    async def person(self, id):
        return Person(id) if id == "ann" else None

    async def members(self, role):
        return ()

    async def delegators(self, id):
        return ()

class Half:
    async def person(self, id):
        return None

NOTHING = 3
"""


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("", "people.file: is missing"),
        ('file = "people.toml"\nprovider = "staff:Staff"', "people.provider: is given besides people.file"),
        ('provider = "staff"', "people.provider: must be 'module:function', not 'staff'"),
        ('file = "none.toml"', "none.toml: cannot be read"),
        ('provider = "none_such_staff:Staff"', "people.provider: there is no module 'none_such_staff'"),
        ('provider = "staff_of_tests:None_"', "people.provider: 'staff_of_tests' has no 'None_'"),
        ('provider = "staff_of_tests:NOTHING"', "people.provider: 'staff_of_tests:NOTHING' is no function"),
        ('provider = "staff_of_tests:Half"', "gives 'Half', which has no `async def members(role)`"),
    ],
)
async def test_a_directory_that_cannot_be_used_is_refused(tmp_path: Path, keys: str, fault: str) -> None:
    written(tmp_path, ANN)
    written(tmp_path, DIRECTORY, "staff_of_tests.py")
    config = written(tmp_path, f"{MINIMAL}[people]\n{keys}\n", "hitl.toml")
    with pytest.raises(ConfigError) as caught:
        async with connect(config):
            pass
    assert fault in str(caught.value)


async def test_a_provider_is_asked(tmp_path: Path) -> None:
    written(tmp_path, DIRECTORY, "staff_of_tests.py")
    config = written(tmp_path, f'{MINIMAL}[people]\nprovider = "staff_of_tests:Staff"\n', "hitl.toml")
    async with connect(config) as hitl:
        directory = hitl._around.directory
    assert directory is not None
    assert [await directory.person("ann") is None, await directory.person("bob") is None] == [False, True]


async def test_a_file_is_asked(tmp_path: Path) -> None:
    written(tmp_path, ANN)
    config = written(tmp_path, f'{MINIMAL}[people]\nfile = "people.toml"\n', "hitl.toml")
    async with connect(config) as hitl:
        directory = hitl._around.directory
    assert directory is not None
    assert [await directory.person("ann") is None, await directory.person("bob") is None] == [False, True]


async def test_authority_is_read(tmp_path: Path) -> None:
    config = written(tmp_path, f'{MINIMAL}[authority]\nlift = ["boss"]\nlift_by_another = true\n', "hitl.toml")
    async with connect(config) as hitl:
        authority = hitl._around.authority
    assert (dict(authority.roles), authority.lift_by_another) == ({"lift": ("boss",)}, True)


def test_authority_of_nobody_is_refused(tmp_path: Path) -> None:
    config = written(tmp_path, f"{MINIMAL}[authority]\nlift = []\nsteer = 3\nlfit = []\n", "hitl.toml")
    with pytest.raises(ConfigError) as caught:
        Config.load(config)
    keys = {fault.path.rpartition(".")[2] for fault in caught.value.faults}
    assert keys == {"lift", "steer", "lfit"}

"""Where an app comes from: `module:name`, or an object at hand."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hitl_core.apps import AgentSpec, AppSource
from hitl_core.errors import ConfigError


def app() -> str:
    return "ran"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's, from which modules are imported for one test only."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    return tmp_path


def test_an_app_is_found_beside_the_configuration(folder: Path) -> None:
    (folder / "their_desk.py").write_text("def build(): return 'built'\n")
    source = AppSource("their_desk:build", folder=folder)
    assert source.load()() == "built"
    assert source.spec() is None
    assert source.load() is AppSource("their_desk:build", folder=folder).load()
    assert sys.path.count(str(folder)) == 1


def test_a_module_that_can_be_imported_needs_no_folder() -> None:
    assert AppSource("hitl_core.apps.spec:AgentSpec").load() is AgentSpec


@pytest.mark.parametrize("reference", ["their_desk", "their_desk:", "their_desk.build", ""])
def test_a_reference_has_two_parts(reference: str) -> None:
    with pytest.raises(ConfigError, match="must read 'module:name'"):
        AppSource(reference).load()


def test_a_missing_name_is_reported(folder: Path) -> None:
    (folder / "their_desk.py").write_text("")
    with pytest.raises(ConfigError, match="'their_desk' has no 'build'"):
        AppSource("their_desk:build", folder=folder).load()


@pytest.mark.parametrize("module", ["no_such_desk", "no_such_desk.inner"])
def test_a_missing_module_is_reported(folder: Path, module: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no module '{module}' in {folder}"):
        AppSource(f"{module}:build", folder=folder).load()


def test_a_missing_module_without_a_folder_was_looked_for_on_the_path() -> None:
    with pytest.raises(ConfigError, match="in the path"):
        AppSource("no_such_desk:build").load()


def test_what_an_app_fails_to_import_is_its_own_error(folder: Path) -> None:
    (folder / "their_desk.py").write_text("import no_such_framework\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_framework") as raised:
        AppSource("their_desk:build", folder=folder).load()
    assert not isinstance(raised.value, ConfigError)


def test_an_error_inside_an_app_is_not_touched(folder: Path) -> None:
    (folder / "their_desk.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        AppSource("their_desk:build", folder=folder).load()


def test_an_object_at_hand_has_a_reference_too() -> None:
    assert AppSource.of(app).reference == f"{__name__}:app"
    assert AppSource.of(app).load() is app
    assert AppSource.of(SimpleNamespace(name="desk")).reference == "types:desk"
    assert AppSource.of(SimpleNamespace()).reference == "types:SimpleNamespace"


def test_a_spec_is_recognised() -> None:
    spec = AgentSpec("desk", "Work.")
    assert AppSource.of(spec).spec() is spec


def test_sources_are_equal_by_reference() -> None:
    assert AppSource("desk:app", target=app) == AppSource("desk:app")

"""`docs/capabilities.md` is what the reports say, and the reports are about the suite and the adapters of today."""

from __future__ import annotations

import pytest

from hitl_core.errors import AdapterNotInstalled
from hitl_core.testing.conformance import chosen, find_kit
from hitl_core.testing.conformance.installed import capabilities_of, versions
from scripts.generate_capabilities import PAGE, Report, main_version, on_a_server, reports, text


def named(report: Report) -> str:
    return f"{report['adapter']} {main_version(report['adapter'], report['versions'])}".rstrip()


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == text(), "run: python scripts/generate_capabilities.py"


@pytest.mark.parametrize("report", [*reports(), *on_a_server()], ids=named)
def test_a_report_has_tried_everything(report: Report) -> None:
    tried = [(result["promise"], result["behaviour"]) for result in report["results"]]
    again = f"run: hitl conformance {report['adapter']} --json docs/conformance/… in the environment of its lane"
    assert tried == [(each.promise, each.name) for each in chosen()], again


def test_what_is_tried_in_files_is_tried_on_a_server() -> None:
    assert [named(report) for report in on_a_server()] == [named(report) for report in reports()]


@pytest.mark.parametrize("report", [*reports(), *on_a_server()], ids=named)
def test_a_report_is_about_the_adapter_as_it_is(report: Report) -> None:
    try:
        declared = capabilities_of(find_kit(report["adapter"]).backend)
    except AdapterNotInstalled as exc:
        pytest.skip(f"its own lane runs this: {exc}")
    if named(report) != named({"adapter": report["adapter"], "versions": versions(report["adapter"])}):
        pytest.skip("another lane has this version")
    levels = {name.value: {"level": each.level, "because": each.because} for name, each in declared.items()}
    assert report["capabilities"] == levels


@pytest.mark.parametrize("name", ["langgraph", "plain"])
def test_the_pinned_versions_have_a_report(name: str) -> None:
    """Renewed pins need new reports."""
    assert named({"adapter": name, "versions": versions(name)}) in {named(report) for report in reports()}

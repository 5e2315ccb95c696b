"""The README's programs run as they stand. A block that begins with `# name.py` or `# name.toml` is that file.

Each section is a folder of its own. What a section does not have (a program that answers) is written here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from hitl_core.testing.scripted_model import Call, Script, ScriptedModel, Step
from tests.examples.desk import scripted_environment

pytestmark = pytest.mark.processes

README = Path(__file__).resolve().parents[2] / "README.md"
NAMED = re.compile(r"# (\w+\.(?:py|toml))\n")
ANSWER_EVERYTHING = """
import asyncio, json, sys
from hitl_core import connect

async def main():
    async with connect("hitl.toml") as hitl:
        run = await hitl.start(json.loads(sys.argv[1]))
        for request in run.pending:
            print("asked:", request.because.rule, sorted(request.allowed), request.action.arguments)
            await hitl.respond(request.approve(by="reviewer-1"))
        run = await hitl.wait(run.id)
        print(run.state, run.error, json.dumps(run.output))

asyncio.run(main())
"""


def sections() -> dict[str, dict[str, str]]:
    """The named files of the README, by the heading they stand under."""
    found: dict[str, dict[str, str]] = {}
    heading = ""
    tokens = MarkdownIt().parse(README.read_text(encoding="utf-8"))
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            heading = following.content
        elif token.type == "fence" and (named := NAMED.match(token.content)):
            found.setdefault(heading, {})[named[1]] = token.content
    return found


FILES = sections()


def run(heading: str, folder: Path, *command: str, environment: dict[str, str] | None = None) -> str:
    """Write the files of a section and run one of them, or the program that answers; what it printed."""
    for name, text in {"answer.py": ANSWER_EVERYTHING, **FILES[heading]}.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=folder,
        env=environment or dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_section_with_files_is_tried() -> None:
    assert FILES.keys() == {
        "Sixty seconds",
        "Oversee a LangGraph graph that you have",
        "Gate the tools of an agent",
    }


def test_sixty_seconds(tmp_path: Path) -> None:
    said = run("Sixty seconds", tmp_path, "main.py")
    assert said.splitlines() == [
        "Pay back {'order': 'A-1042', 'amount': 40.0}",
        "paid 40.00 EUR back for A-1042",
    ]


def test_a_graph_that_you_have(tmp_path: Path) -> None:
    given = '{"draft": "Hello", "published": false}'
    said = run("Oversee a LangGraph graph that you have", tmp_path, "answer.py", given)
    assert "'approve'" in said
    assert 'completed  {"draft": "Hello", "published": true}' in said


@pytest.mark.parametrize(
    ("to", "asked"), [("bo@example.com", False), ("press@example.org", True)], ids=["inside", "outside"]
)
def test_the_tools_of_an_agent(tmp_path: Path, to: str, asked: bool) -> None:
    send = Call(name="send_email", arguments={"to": to, "text": "Hello"})
    with ScriptedModel(Script.of(Step(call=(send,)), Step(say="It is {{tool_result}}."))) as model:
        environment = scripted_environment(model.base_url)
        given = '{"messages": [["user", "write to them"]]}'
        said = run("Gate the tools of an agent", tmp_path, "answer.py", given, environment=environment)
    assert ("asked: everybody-else" in said) == asked
    assert f"It is sent to {to}." in said

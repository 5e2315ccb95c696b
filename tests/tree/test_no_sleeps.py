"""No test sleeps: time is an argument. What waits for another process, or is slow on purpose, stands here by name."""

from __future__ import annotations

import ast

from tests.tree.source import ROOT, parsed, python_files

# A function that really sleeps, with the reason why no clock of ours can do it.
SLEEPS = {
    "tests/browser/inbox.py:_once": "looks again for what the served inbox does by itself",
    "tests/cli/shop.py:eventually": "looks again for what another process brings about",
    "tests/core/test_scripted_model.py:_wait_until": "looks again for what a thread of the server brings about",
    "tests/langgraph/agents.py:slow": "a tool that takes longer than the one beside it",
    "tests/langgraph/test_shared_tool_nodes.py:pays": "two calls that reach their pause in another order each time",
    "tests/langgraph/test_races.py:slow": "raw LangGraph, for comparison: two processes inside one node",
    "tests/autogen/test_code.py:tick": "counts whether the event loop turns",
}


def found() -> set[str]:
    places = set()
    for path in python_files(ROOT / "tests"):
        for function in ast.walk(parsed(path)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and _sleeps(function):
                places.add(f"{path.relative_to(ROOT)}:{function.name}")
    return places


def _sleeps(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the function itself, and not one inside it, calls `asyncio.sleep` or `time.sleep` with more than 0."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Call) and _is_a_sleep(node):
            return True
        todo.extend(ast.iter_child_nodes(node))
    return False


def _is_a_sleep(call: ast.Call) -> bool:
    return ast.unparse(call.func) in ("time.sleep", "asyncio.sleep") and ast.unparse(call.args[0]) != "0"


def test_no_test_sleeps() -> None:
    assert not found() - SLEEPS.keys(), "use the manual clock, an event, or the end of what is waited for"
    assert not SLEEPS.keys() - found(), "it does not sleep any more: take it off the list"

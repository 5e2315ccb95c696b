"""Whether an app has room for the client tools of a run. Asked before one is opened, and at each turn."""

from __future__ import annotations

from ..capabilities import Capability
from ..contracts import Adapter, require, tool_faults_of
from ..errors import AppChanged, Fault, ToolsRefused
from ..protocol import ClientTool, Run
from ..tools import Catalogue, client_tool_faults, name_taken


def require_client_tools(adapter: Adapter, catalogue: Catalogue, tools: tuple[ClientTool, ...]) -> None:
    """Raises CapabilityNotSupported, and ToolsRefused with everything that is wrong with the client tools of a run.

    The app is attached, so that its own tools are known.
    """
    require(adapter, Capability.CLIENT_TOOLS)
    if faults := client_tool_faults(tools) or _faults(adapter, catalogue, tools):
        raise ToolsRefused(faults)


def require_client_tools_still(adapter: Adapter, catalogue: Catalogue, run: Run) -> None:
    """Raises AppChanged if a run was started with tools that the app of now has no room for."""
    if run.tools and (faults := _faults(adapter, catalogue, run.tools)):
        said = "; ".join(map(str, faults))
        raise AppChanged(
            f"the app has no room any more for the tools that this run was started with; nothing ran: {said}"
        )


def _faults(adapter: Adapter, catalogue: Catalogue, tools: tuple[ClientTool, ...]) -> list[Fault]:
    taken = [each.name for each in tools if catalogue.tool(each.name) is not None]
    left = tuple(each for each in tools if each.name not in taken)
    return [*map(name_taken, taken), *tool_faults_of(adapter, left)]

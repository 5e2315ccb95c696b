"""AutoGen under oversight: unchanged teams and agents, paused by draining and resumed in another process.

def build():                                  # a factory: every turn of a run gets a fresh team
    user = UserProxyAgent("user")             # its turn becomes a request; its input_func is not called
    writer = AssistantAgent("writer", model_client, tools=[publish])      # its tools go through the gate
    return RoundRobinGroupChat([writer, user], termination_condition=TextMentionTermination("APPROVE"))
"""

from .errors import require_versions

require_versions()  # before the imports that other versions cannot answer

from .adapter import AutoGenAdapter, AutoGenOptions  # noqa: E402
from .building import as_autogen  # noqa: E402

__all__ = ["AutoGenAdapter", "AutoGenOptions", "as_autogen"]

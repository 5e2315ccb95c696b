"""CrewAI under oversight: unchanged crews and flows, their tools behind the gate, durable in the middle of a task.

    [backend]
    name = "crewai"
    app  = "my_project.crew:build"     # a factory: every turn gets a fresh Crew or Flow from it

A run is resumed by running the factory's crew again: what the models said and what the tools returned comes from the
run's journal, so nothing is asked or done twice. Importing this package imports no CrewAI (that takes seconds).
"""

from .adapter import CrewAIAdapter, CrewAIOptions

__all__ = ["CrewAIAdapter", "CrewAIOptions"]

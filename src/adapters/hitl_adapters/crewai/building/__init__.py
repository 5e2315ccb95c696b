"""What is run: the crew or flow of an app's factory (app), or the crew that an AgentSpec describes (spec)."""

from .app import App, load_app
from .spec import build_crew

__all__ = ["App", "build_crew", "load_app"]

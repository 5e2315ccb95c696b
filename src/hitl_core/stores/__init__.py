"""Where everything is kept. Each store answers every command and query of `hitl_core.commands`."""

"""Who hands messages on: one file a kind, loaded when a route of it is configured."""

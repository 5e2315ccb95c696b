"""One file for each group of commands: what a command takes, what it does with the runtime, what it reports."""

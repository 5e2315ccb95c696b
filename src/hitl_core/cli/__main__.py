"""`python -m hitl_core.cli` is `hitl`."""

from . import main

if __name__ == "__main__":
    main()

# A fresh machine needs make, Python 3.11 or newer, and a package index that pip can reach.
# Everything else is made here, under .venv/ and .nox/.

export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# Importing a framework costs seconds; compiled once, every later process is quick.
export UV_COMPILE_BYTECODE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PYTHON ?=
LANES  ?=
BACKENDS ?=
PARTS ?=
LESSON ?= confirm gates override
PINS   := constraints/newest.txt
TOOLS  := .venv/tools
DEMO   := .venv/demo
UV     := $(TOOLS)/bin/uv
LANE   := $(TOOLS)/bin/python noxfile.py

.DEFAULT_GOAL := help
.PHONY: help demo lessons test kills promises storm faults pages calls lint bench bench-frameworks constraints changelog clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile
	@echo '  make test LANES="core types"   only these lanes'
	@echo '  make kills BACKENDS="plain crewai"'
	@echo '  make bench PARTS="peers dbos"'
	@echo '  make demo ANSWER=approve       answers by itself'
	@echo '  make lessons LESSON=gates      only this one'
	@echo '  make demo MODEL=script         plays the scripted model even if OPENAI_API_KEY is set'

demo: $(DEMO)/.ready ## see an agent pause, answer it, see it finish
	@echo "==> [3/3] hitl demo"
	@$(DEMO)/bin/hitl demo $${ANSWER:+--answer "$$ANSWER"} $(if $(filter script,$(MODEL)),--scripted)

lessons: $(DEMO)/.ready ## three stories that end by themselves and check what they say
	@for lesson in $(LESSON); do $(DEMO)/bin/python -m examples.lessons.$$lesson || exit 1; done

test: $(TOOLS)/.ready ## every lane, then one line that says how it went
	@$(LANE) $(LANES)

kills: $(TOOLS)/.ready ## kill -9 at fifty random places, on every backend (minutes)
	@$(LANE) $(if $(BACKENDS),$(foreach name,$(BACKENDS),"kills($(name))"),kills)

promises: $(TOOLS)/.ready ## every promise on a PostgreSQL server, on every backend (minutes)
	@$(LANE) $(if $(BACKENDS),$(foreach name,$(BACKENDS),"promises($(name))"),promises)

storm: $(TOOLS)/.ready ## four workers on one server, killed at random for ten minutes, on every backend
	@$(LANE) $(if $(BACKENDS),$(foreach name,$(BACKENDS),"storm($(name))"),storm)

faults: $(TOOLS)/.ready ## every failure scenario in full, and a table of what came of each (minutes)
	@HITL_FAULTS=all $(LANE) faults

pages: $(TOOLS)/.ready ## every story of the CopilotKit pages, on every backend (minutes)
	@HITL_PAGES=all $(LANE) copilotkit

calls: $(TOOLS)/.ready ## two hundred cases of each call of the API, right and wrong, instead of four (minutes)
	@HITL_SCHEMATHESIS=200 $(TOOLS)/bin/nox -s server -- tests/server/api/test_described.py

lint: $(TOOLS)/.ready ## style and types only
	@$(LANE) lint types

bench: $(TOOLS)/.ready ## what the goals need, measured and kept in docs/performance.md (15 minutes; wants a quiet machine)
	@$(if $(PARTS),$(TOOLS)/bin/nox -s bench -- $(PARTS),$(LANE) bench)

bench-frameworks: $(TOOLS)/.ready ## each framework raw and through us, measured and kept in docs/performance.md
	@$(LANE) bench_langgraph bench_openai_agents bench_crewai bench_autogen

constraints: $(TOOLS)/.ready ## renew the pinned versions in constraints/
	@$(LANE) constraints

changelog: $(TOOLS)/.ready ## show what changes/ would add to the changelog
	@$(LANE) changelog

clean: ## remove environments, builds and caches; never a database
	rm -rf .venv .nox build dist htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*
	find src tests examples bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The first Python of at least 3.11 that can make an environment; PYTHON=/path/to/python overrides.
$(TOOLS)/.ready: $(PINS)
	@echo "==> [1/3] tools (uv, nox) in $(TOOLS)"
	@for name in $${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 python}; do \
	    "$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    found=$$name; break; \
	done; \
	if [ -z "$${found:-}" ]; then \
	    echo "error: needs Python 3.11 or newer with its venv module; tried: $${PYTHON:-python3, python3.11 and later}." >&2; \
	    echo "       Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; \
	fi; \
	rm -rf $(TOOLS) && "$$found" -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --constraint $(PINS) uv nox
	@touch $@

$(DEMO)/.ready: $(TOOLS)/.ready pyproject.toml $(PINS)
	@echo "==> [2/3] hitl-core with LangGraph and the inbox in $(DEMO)"
	@$(UV) venv --quiet --clear --python $(TOOLS)/bin/python $(DEMO)
	@$(UV) pip install --python $(DEMO) --constraint $(PINS) --build-constraint $(PINS) \
	    --quiet --editable '.[cli,langgraph,server]'
	@touch $@

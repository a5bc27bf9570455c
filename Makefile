# Two commands are enough: `make follow` and `make test`. Both set up .venv on their first run.
SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= python3
ARGS ?=
BIN := $(CURDIR)/$(VENV)/bin

# An apt installation of ROS must not leak into the environment of the wheels.
unexport PYTHONPATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE

.DEFAULT_GOAL := help
.PHONY: help follow test lint colcon setup setup-dev clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

follow: setup ## A drone follows a target in the built-in simulation (ARGS="--scenario circle" for options)
	@$(BIN)/uav-tracker follow $(ARGS)

test: setup-dev ## Every test: unit, topics over DDS, MAVSDK over UDP, a closed loop
	@echo "test: pytest on $$(nproc) cores"
	@$(BIN)/python -m pytest $(ARGS)

lint: setup-dev ## ruff, mypy, import-linter, codespell
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell uav_tracker_ros launch config msg srv action models test docs scripts README.md CHANGELOG.md CONTRIBUTING.md

colcon: setup-dev ## A real colcon build of this package on the wheels
	@scripts/colcon_build.sh $(VENV)

setup: ## Make .venv with what running needs
	@scripts/setup_venv.sh "$(PYTHON)" $(VENV) run

setup-dev: ## Make .venv with what testing needs too
	@scripts/setup_venv.sh "$(PYTHON)" $(VENV) run dev

clean: ## Remove what the targets made (not .venv)
	rm -rf build install log follow-out

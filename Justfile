# What people do here. `uv run just` lists it.

default:
    @just --list --unsorted

# Every test, as the README says
test:
    uv run --extra test pytest

# The tests that take seconds
quick:
    uv run --extra test pytest -m "not slow and not browser and not weights"

# Types and style
check:
    uv run --all-extras ruff check
    uv run --all-extras ruff format --check
    uv run --all-extras mypy
    uv run --all-extras pyright

# Build the wheel and the sdist, and use the wheel outside of the tree
wheel:
    sh tests/wheel.sh

# Make the README's pictures from the real thing
pictures:
    uv run --extra test python docs/pictures.py

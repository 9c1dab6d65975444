"""The one saver that a process has for a database, and the graphs that it knows."""

import os
from functools import lru_cache
from pathlib import Path

import streamlit as st

from treadle.checkpoints.savers import SqliteSaver
from treadle.graphs.catalogs import Catalog, catalog

VARIABLE = "TREADLE_DB"
"""The environment variable that says which database the page shows."""


def path() -> Path:
    """The database that the page shows."""
    return Path(os.environ.get(VARIABLE) or "treadle.db").expanduser().absolute()


def store() -> SqliteSaver:
    """The saver of this process; raises StoreError when the database cannot be used, and tries again next time."""
    return _store(str(path()))


@st.cache_resource(show_spinner=False)
def _store(name: str) -> SqliteSaver:
    return SqliteSaver(name)


def known() -> Catalog:
    """The graphs by name; raises GraphNotFound if langgraph.json cannot be used.

    Read anew when the file changes; what was imported stays.
    """
    fresh = catalog()
    return _known(str(fresh.path), str(dict(fresh.entries)))


@lru_cache(maxsize=4)
def _known(path: str, entries: str) -> Catalog:
    return catalog()

"""Scripts that run in the reader's browser, for what Streamlit has no widget for."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import streamlit as st

FOLDER: Final = Path(__file__).parent / "assets"


def script(name: str, *given: Any) -> None:
    """Call the function in a file of the assets with plain data; where it was called so before, it is not again."""
    told = ", ".join(json.dumps(one).replace("<", "\\u003c") for one in given)
    st.html(f"<script>({_source(name)})({told});</script>", unsafe_allow_javascript=True)


@cache
def _source(name: str) -> str:
    return (FOLDER / f"{name}.js").read_text(encoding="utf-8")

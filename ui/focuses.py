"""Where the keyboard is: a panel that opens takes it, so that a reviewer can type at once."""

import json

import streamlit as st

_SCRIPT = """<script data-turn={turn}>
(() => {{
  const box = "textarea, input:not([type=hidden]), [role=combobox], button";
  const find = (left) => {{
    const found = document.querySelector({within} + " :is(" + box + ")");
    if (found) found.focus({{preventScroll: false}});
    else if (left) setTimeout(() => find(left - 1), 50);
  }};
  find(40);
}})();
</script>"""


def focus(key: str, *, turn: str) -> None:
    """Put the keyboard into the first field of the container with that key, once for each `turn`."""
    within = json.dumps(f".st-key-{key}")
    st.html(_SCRIPT.format(within=within, turn=json.dumps(turn)), unsafe_allow_javascript=True)

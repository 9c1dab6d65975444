"""Where the keyboard is: a panel that opens takes it, so that a reviewer can type at once."""

import json

import streamlit as st

# The panel may not be drawn yet, lack fields whose code the browser still loads, or be drawn again at once: try until
# it has kept the keyboard for a moment. Whoever has gone into another field meanwhile is left there.
_SCRIPT = """<script data-turn={turn}>
(() => {{
  const fields = ":is(textarea, input:not([type=hidden]), [role=combobox])";
  const step = (left, kept) => {{
    const panel = document.querySelector({within});
    const now = document.activeElement;
    const there = panel && panel.contains(now);
    const busy = now && now.matches(fields) && !there;
    if (busy || kept > 4 || !left) return;
    const whole = panel && !panel.querySelector("[data-testid=stSkeleton]");
    if (whole && !there) panel.querySelector(fields)?.focus();
    setTimeout(() => step(left - 1, there ? kept + 1 : 0), 50);
  }};
  step(1200, 0);
}})();
</script>"""


def focus(key: str, *, turn: str) -> None:
    """Put the keyboard into the first field of the container with that key, once for each `turn`."""
    within = json.dumps(f".st-key-{key}")
    st.html(_SCRIPT.format(within=within, turn=json.dumps(turn)), unsafe_allow_javascript=True)

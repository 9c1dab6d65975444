"""Where the keyboard is: a panel that opens takes it, and what is typed while it opens is kept for it."""

import json
from collections.abc import Mapping

import streamlit as st

# Until a panel is there, the letters of its first words would press the buttons that it takes the place of: "x", then
# "all is wrong", would approve. From the key or the click that opens it, letters are held until the panel has the
# keyboard, and then stand in its first field. A panel that does not come within ten seconds holds nothing more.
_HOLD = """<script>
(() => {{
  if (window.treadleHeld) return;
  const held = (window.treadleHeld = {{ on: false, words: "", save: false, until: 0 }});
  const keys = {keys};
  const opens = (action) => `[class*="st-key-${{action}}-"] button:enabled`;
  const begin = () => Object.assign(held, {{ on: true, words: "", save: false, until: Date.now() + 10000 }});
  const apart = (target) => {{
    const field = target.closest?.("input, textarea, select, [contenteditable=true]");
    return field && !field.closest(".st-key-say, .st-key-form");
  }};
  const press = (event) => {{
    if (held.on && Date.now() > held.until) held.on = false;
    if (event.altKey || event.metaKey || apart(event.target)) return;
    if (!held.on) {{
      const action = !event.ctrlKey && !event.shiftKey && keys[event.key.toUpperCase()];
      if (action && !event.target.closest?.("input, textarea") && document.querySelector(opens(action))) begin();
      return;
    }}
    if (event.key === "Escape") held.on = false;
    else if (event.key === "Backspace") held.words = [...held.words].slice(0, -1).join("");
    else if (event.key.length === 1 && !event.ctrlKey) held.words += event.repeat ? "" : event.key;
    else if (event.ctrlKey && event.key === "Enter") held.save = true;
    else return;
    if (!held.on) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }};
  window.addEventListener("keydown", press, true);
  const click = (event) => Object.values(keys).some((action) => event.target.closest?.(opens(action))) && begin();
  window.addEventListener("click", click, true);
}})();
</script>"""

# The panel may not be drawn yet, lack fields whose code the browser still loads, or be drawn again at once: try until
# it has kept the keyboard for a moment. Whoever has gone into another field meanwhile is left there.
_SCRIPT = """<script data-turn={turn}>
(() => {{
  const fields = ":is(textarea, input:not([type=hidden]), [role=combobox])";
  const held = window.treadleHeld ?? {{}};
  const save = (left) => {{
    const button = document.querySelector(".st-key-bar [class*=st-key-save-] button:enabled");
    if (!button && left) return setTimeout(() => save(left - 1), 50);
    held.on = false;
    document.activeElement.blur();  // so that what stands in the field is sent before
    button?.click();
  }};
  const over = (words) => {{
    if (words) document.execCommand("insertText", false, words);
    if (held.on && held.save) setTimeout(() => save(100), 50);
    else held.on = false;
  }};
  const step = (left, kept) => {{
    const panel = document.querySelector({within});
    const now = document.activeElement;
    const there = panel && panel.contains(now);
    const busy = now && now.matches(fields) && !there;
    if (busy || kept > 4 || !left) return over(there && held.on && held.words);
    const whole = panel && !panel.querySelector("[data-testid=stSkeleton]");
    if (whole && !there) panel.querySelector(fields)?.focus();
    setTimeout(() => step(left - 1, there ? kept + 1 : 0), 50);
  }};
  step(1200, 0);
}})();
</script>"""


def hold(keys: Mapping[str, str]) -> None:
    """Keep what is typed, from the moment a panel is asked for, until it has the keyboard; `keys` by action."""
    opening = {key: action for action, key in keys.items()}
    st.html(_HOLD.format(keys=json.dumps(opening)), unsafe_allow_javascript=True)


def focus(key: str, *, turn: str) -> None:
    """Put the keyboard into the first field of the container with that key, once for each `turn`."""
    within = json.dumps(f".st-key-{key}")
    st.html(_SCRIPT.format(within=within, turn=json.dumps(turn)), unsafe_allow_javascript=True)

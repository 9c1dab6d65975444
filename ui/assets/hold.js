// Until a panel is there, the letters of its first words would press the buttons that it takes the place of: "x", then
// "all is wrong", would approve. From the key or the click that opens it, letters are held until the panel has the
// keyboard, and then stand in its first field (focus.js). A panel that does not come within ten seconds holds nothing
// more. `keys`: each key that opens a panel, with its action.
(keys) => {
  if (window.treadleHeld) return;
  const held = (window.treadleHeld = { on: false, words: "", save: false, until: 0 });
  const opens = (action) => `[class*="st-key-${action}-"] button:enabled`;
  const begin = () => Object.assign(held, { on: true, words: "", save: false, until: Date.now() + 10000 });
  const apart = (target) => {
    const field = target.closest?.("input, textarea, select, [contenteditable=true]");
    return field && !field.closest(".st-key-say, .st-key-form");
  };
  const press = (event) => {
    if (held.on && Date.now() > held.until) held.on = false;
    if (event.altKey || event.metaKey || apart(event.target)) return;
    if (!held.on) {
      const action = !event.ctrlKey && !event.shiftKey && keys[event.key.toUpperCase()];
      if (action && !event.target.closest?.("input, textarea") && document.querySelector(opens(action))) begin();
      return;
    }
    if (event.key === "Escape") held.on = false;
    else if (event.key === "Backspace") held.words = [...held.words].slice(0, -1).join("");
    else if (event.key.length === 1 && !event.ctrlKey) held.words += event.repeat ? "" : event.key;
    else if (event.ctrlKey && event.key === "Enter") held.save = true;
    else return;
    if (!held.on) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  window.addEventListener("keydown", press, true);
  const click = (event) => Object.values(keys).some((action) => event.target.closest?.(opens(action))) && begin();
  window.addEventListener("click", click, true);
}

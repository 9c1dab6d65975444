// Puts the keyboard into the first field of the panel `within`, and there what was typed before (hold.js). The panel
// may not be drawn yet, lack fields whose code the browser still loads, or be drawn again at once: try until it has kept
// the keyboard for a moment. Whoever has gone into another field meanwhile is left there. Runs once for each `turn`.
(within, turn) => {
  const fields = ":is(textarea, input:not([type=hidden]), [role=combobox])";
  const held = window.treadleHeld ?? {};
  const save = (left) => {
    const button = document.querySelector(".st-key-bar [class*=st-key-save-] button:enabled");
    if (!button && left) return setTimeout(() => save(left - 1), 50);
    held.on = false;
    document.activeElement.blur();  // so that what stands in the field is sent before
    button?.click();
  };
  const over = (words) => {
    if (words) document.execCommand("insertText", false, words);
    if (held.on && held.save) setTimeout(() => save(100), 50);
    else held.on = false;
  };
  const step = (left, kept) => {
    const panel = document.querySelector(within);
    const now = document.activeElement;
    const there = panel && panel.contains(now);
    const busy = now && now.matches(fields) && !there;
    if (busy || kept > 4 || !left) return over(there && held.on && held.words);
    const whole = panel && !panel.querySelector("[data-testid=stSkeleton]");
    if (whole && !there) panel.querySelector(fields)?.focus();
    setTimeout(() => step(left - 1, there ? kept + 1 : 0), 50);
  };
  step(1200, 0);
}

"""How the page looks: colours and type for light and dark, and the style sheet of what Streamlit has no widget for."""

from pathlib import Path
from typing import Final

SHEET: Final = Path(__file__).parent / "assets" / "desk.css"

ICON: Final = Path(__file__).parent / "assets" / "treadle.svg"

_LIGHT: Final = {
    "primaryColor": "#2f6267",
    "backgroundColor": "#fcfbf9",
    "secondaryBackgroundColor": "#f3f1ec",
    "textColor": "#22262e",
    "borderColor": "#ddd8cf",
    "linkColor": "#24575c",
}

_DARK: Final = {
    "primaryColor": "#35827f",
    "backgroundColor": "#15181c",
    "secondaryBackgroundColor": "#1e2227",
    "textColor": "#e8e6e1",
    "borderColor": "#343a42",
    "linkColor": "#8cc9c5",
}

OPTIONS: Final = {
    "theme.font": "sans-serif",
    "theme.headingFont": "sans-serif",
    "theme.baseRadius": "8px",
    "theme.buttonRadius": "8px",
    "theme.showWidgetBorder": True,
    "theme.linkUnderline": False,
    **{f"theme.light.{name}": colour for name, colour in _LIGHT.items()},
    **{f"theme.dark.{name}": colour for name, colour in _DARK.items()},
}
"""Options of Streamlit's theme."""

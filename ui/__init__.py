"""What a person sees: the Streamlit app, its pages, its pictures."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from treadle.ui.servers import serve

__all__ = ["serve"]


def __getattr__(name: str) -> Any:
    """Load the server when it is asked for: Streamlit is slow to import, and the pages do without it."""
    if name == "serve":
        from treadle.ui.servers import serve

        return serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

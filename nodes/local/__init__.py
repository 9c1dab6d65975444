"""A small language model on this machine's CPU, as a LangChain chat model, and its weights."""

from treadle.nodes.local.models import LocalModel

__all__ = ["LocalModel"]

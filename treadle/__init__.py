"""Chains, fan-outs and human review as ordinary LangGraph graphs."""

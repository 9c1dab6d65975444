"""How the weights of a local model are opened: its size, its share of the machine, and the library that runs it."""

import os
import secrets
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from treadle.errors import ModelUnavailable

BATCH = 64
"""Tokens of a prompt that are read between two looks at whether the call was stopped: under two seconds' work."""


@dataclass(frozen=True)
class Opening:
    """How weights are opened; equal openings share one engine."""

    path: Path
    context: int
    """Tokens of prompt and answer together that one call has."""
    threads: int
    slots: int
    """Calls that run at the same time; the others wait their turn."""


def library() -> ModuleType:
    """The package that runs the models, imported when one is used.

    Raises:
        ModelUnavailable: it is not installed, or does not work on this machine.
    """
    try:
        return import_module("xllamacpp")
    except ImportError as error:
        raise ModelUnavailable(
            f"a local model needs the package xllamacpp ({error}): pip install 'treadle[local]'"
        ) from error


def cpus() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def serve(opening: Opening) -> Any:
    """Open the weights; the library's server that is returned runs until it is dropped.

    Raises:
        ModelUnavailable: the library is not installed, the file is no model, or the memory is too small.
    """
    package = library()
    params = package.CommonParams()
    params.model.path = str(opening.path)
    params.n_ctx, params.n_parallel = opening.context * opening.slots, opening.slots
    params.n_batch = params.n_ubatch = BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = opening.threads
    # Weights stay in the file's own pages, and no copies of earlier prompts are kept beside the slots.
    params.no_extra_bufts, params.cache_ram_mib = True, 0
    params.verbosity, params.offline, params.n_threads_http = -1, True, 1
    # The engine opens a port on loopback that nothing here needs; a key that nobody knows closes it.
    params.api_keys, params.ui, params.endpoint_slots = [secrets.token_urlsafe(32)], False, False
    try:
        return package.Server(params)
    except RuntimeError as error:
        raise ModelUnavailable(
            f"{opening.path} cannot be opened as a model of {opening.context} tokens: it is damaged or no GGUF "
            "file (`treadle models pull` fetches a sound one), or the memory is too small for it"
        ) from error

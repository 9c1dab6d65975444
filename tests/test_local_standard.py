"""LangChain's standard tests of a chat model, run on the local one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from treadle.nodes.local import LocalModel


class TestLocalModelAlone(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return LocalModel

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"temperature": 0, "max_tokens": 100, "stop": []}


SMALL, LARGE = "smollm2-135m-instruct", "qwen2.5-coder-1.5b-instruct"

SENSE = {
    "test_structured_output",
    "test_structured_output_pydantic_2_v1",
    "test_unicode_tool_call_integration",
}
"""Tests whose answers the smallest model does not bring to an end."""

AGAIN = {"test_structured_output_async", "test_structured_output_optional_param"}
"""More of those, which ask the same in another way: they run where everything does."""

FULL = "TREADLE_FULL" in os.environ


@pytest.mark.weights
@pytest.mark.slow
class TestLocalModelAtWork(ChatModelIntegrationTests):
    """What takes no sense, only the right form, is asked of a small model; with ``TREADLE_FULL=1`` all of the large."""

    weights = SMALL

    @pytest.fixture(autouse=True)
    def _present(self, request: pytest.FixtureRequest, weights: Callable[[str], Path]) -> None:
        """Skip, or fail in CI, where the weights are not here."""
        name = getattr(request.function, "__name__", "")
        if name in AGAIN and not FULL:
            pytest.skip("asks the large model what others ask it too: set TREADLE_FULL=1")
        if FULL or name in SENSE:
            self.weights = LARGE
        weights(self.weights)

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return LocalModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"weights": self.weights}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"temperature": 0, "max_tokens": 200}

    @property
    def supports_json_mode(self) -> bool:
        return True

"""LangChain's standard tests of a chat model, run on the local one."""

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


@pytest.mark.weights
@pytest.mark.slow
class TestLocalModelAtWork(ChatModelIntegrationTests):
    @pytest.fixture(autouse=True)
    def _present(self, model_weights: Path) -> None:
        """Skip, or fail in CI, where the weights are not here."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return LocalModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"weights": "qwen2.5-coder-1.5b-instruct"}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"temperature": 0, "max_tokens": 200}

    @property
    def supports_json_mode(self) -> bool:
        return True

"""Models are named in one way, and those that cannot be used say what would help."""

import subprocess
import sys

import pytest
from scripted import ScriptedModel

from treadle.errors import ModelUnavailable
from treadle.nodes import choose, model


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("home")
    for name in ("TREADLE_MODEL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty))
    monkeypatch.setenv("HOME", str(empty))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_a_chat_model_is_used_as_it_is() -> None:
    mine = ScriptedModel(script=lambda _: "")
    assert model(mine) is mine


def test_the_same_name_gives_the_same_model() -> None:
    assert model("rules") is model("rules")


@pytest.mark.parametrize("spec", ["", "rulez", "rules:x", "bedrock:", "openai:gpt"])
def test_an_unknown_name_is_refused_with_the_names_that_are_known(spec: str) -> None:
    with pytest.raises(ModelUnavailable, match="the names are rules, local"):
        model(spec)


def test_no_model_is_constructed_and_no_client_imported_before_one_is_used() -> None:
    code = """if True:
        import sys
        from treadle import chain
        from treadle.examples import contract_review
        from treadle.nodes import prompt
        chain(prompt("a", "{b}", model="bedrock:amazon.nova-lite-v1:0"), prompt("c", "{a}", model="local"))
        print(sorted({"boto3", "botocore", "langchain_aws", "xllamacpp"} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.strip() == "[]"


def test_without_weights_the_embedded_model_is_chosen_and_the_better_one_told() -> None:
    choice = choose()
    assert choice.spec == "rules"
    assert "treadle models pull" in (choice.better or "")


def test_the_configuration_can_ask_for_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_MODEL", "bedrock:some.model")
    assert choose().spec == "bedrock:some.model"


def test_bedrock_without_credentials_says_what_to_do() -> None:
    with pytest.raises(ModelUnavailable, match="aws configure"):
        model("bedrock:some.model")


def test_bedrock_without_a_region_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ModelUnavailable, match="AWS_REGION"):
        model("bedrock:some.model")

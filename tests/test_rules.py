import doctest
import json
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import BaseModel, Field

from treadle.nodes import rules
from treadle.nodes.rules import NOTE, RulesModel, lexicons, ranks
from treadle.nodes.texts.splits import clauses

EXAMPLES = Path(__file__).parents[1] / "examples"
DATA = EXAMPLES.parents[1] / "shared" / "data"

INDEMNITY = (
    "Indemnity. The Customer shall indemnify the Supplier against all losses of whatever nature, whether or not the "
    "Customer is at fault."
)
MUTUAL = "Termination. Either party may terminate this Agreement on 30 days’ notice."


class Finding(BaseModel):
    category: Literal["indemnity", "liability", "data", "termination", "governing law", "general"]
    risk: Literal["low", "medium", "high"] = Field(description="risk for the customer")
    reason: str


class TestRulesModelAlone(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return RulesModel


class TestRulesModelAtWork(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return RulesModel

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return True


def ask(text: str) -> list[BaseMessage]:
    return [HumanMessage(f"Rate the risk of this clause:\n<clause>\n{text}\n</clause>")]


def answer(messages: list[BaseMessage], schema: Any = Finding) -> tuple[Any, AIMessage]:
    reply = RulesModel().with_structured_output(schema, include_raw=True).invoke(messages)
    assert isinstance(reply, dict)
    assert reply["parsing_error"] is None
    return reply["parsed"], reply["raw"]


def fill(schema: dict[str, Any], text: str) -> Any:
    reply = RulesModel().bind(response_format=schema).invoke(f"Fill in:\n<text>{text}</text>")
    value = json.loads(reply.text)
    jsonschema.validate(value, schema)
    return value


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(rules).failed == 0
    assert doctest.testmod(lexicons).failed == 0


def test_a_harmful_clause_is_rated_high_with_the_words_that_decided_as_the_reason() -> None:
    finding, _ = answer(ask(INDEMNITY))
    assert (finding.category, finding.risk) == ("indemnity", "high")
    assert "The Customer shall indemnify the Supplier" in finding.reason


def test_a_mutual_clause_is_rated_low() -> None:
    finding, _ = answer(ask(MUTUAL))
    assert (finding.category, finding.risk) == ("termination", "low")


def test_every_answer_says_that_it_is_of_no_language_model_and_how_sure_each_choice_is() -> None:
    _, raw = answer(ask(INDEMNITY))
    assert raw.response_metadata["model_name"] == "rules"
    assert raw.response_metadata["note"] == NOTE
    assert "no language model" in NOTE
    assert set(raw.response_metadata["confidence"]) == {"category", "risk"}
    assert all(0 <= sure <= 1 for sure in raw.response_metadata["confidence"].values())
    assert RulesModel.measures_confidence


def test_the_same_question_has_the_same_answer() -> None:
    first, second = RulesModel().invoke(ask(INDEMNITY)), RulesModel().invoke(ask(INDEMNITY))
    assert first.text == second.text


def test_tokens_are_counted_words() -> None:
    reply = RulesModel().invoke("Sum up in one sentence:\nThe fees rise every year by ten per cent.")
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["input_tokens"] == 14
    assert reply.usage_metadata["output_tokens"] == len(reply.text.split())


async def test_streams_and_asynchronous_calls_give_the_same_text() -> None:
    model = RulesModel()
    text = model.invoke(ask(INDEMNITY)).text
    assert (await model.ainvoke(ask(INDEMNITY))).text == text
    assert "".join([chunk.text for chunk in model.stream(ask(INDEMNITY))]) == text
    whole = AIMessageChunk(content="")
    async for chunk in model.astream(ask(INDEMNITY)):
        assert isinstance(chunk, AIMessageChunk)
        whole += chunk
    assert whole.text == text
    assert whole.response_metadata["model_name"] == "rules"


def test_a_stop_word_ends_the_text() -> None:
    reply = RulesModel().invoke("Sum up in one sentence:\nThe fees rise every year by ten per cent.", stop=["every"])
    assert reply.text == "The fees rise "


def test_a_clause_given_as_json_is_read_by_its_text_and_heading() -> None:
    clause = {"number": "9.3", "heading": "Indemnity", "path": ["Data"], "text": INDEMNITY, "start": 3, "end": 9}
    finding, _ = answer(ask(json.dumps(clause, indent=2)))
    assert (finding.category, finding.risk) == ("indemnity", "high")


def test_the_tags_of_html_do_not_mark_the_material() -> None:
    text = "Sum up in one sentence:\nThe <b>fees</b> rise every year by ten per <i>cent</i>."
    assert "rise every year" in RulesModel().invoke(text).text


def test_worked_examples_and_a_system_text_are_not_the_material() -> None:
    shown = [SystemMessage("Rate what is risky."), *ask(INDEMNITY), AIMessage('{"risk": "high"}')]
    finding, _ = answer([*shown, *ask(MUTUAL)])
    assert (finding.category, finding.risk) == ("termination", "low")


@pytest.mark.parametrize(
    ("words", "category", "risk"),
    [
        ("This is low risk.", "indemnity", "low"),
        ("The risk should be medium, not high.", "indemnity", "medium"),
        ("not high but low", "indemnity", "low"),
        ("risk too high", "indemnity", "medium"),
        ("Wrong category. It should be liability.", "liability", "high"),
        ("category should be governing law", "governing law", "high"),
        ("Read it again.", "indemnity", "high"),
        ("The data that it covers is wide.", "indemnity", "high"),
    ],
)
def test_a_reviewers_words_are_taken_into_account(words: str, category: str, risk: str) -> None:
    before, _ = answer(ask(INDEMNITY))
    told = f"A reviewer rejected this answer: {words} Answer again, taking that into account."
    finding, _ = answer([*ask(INDEMNITY), AIMessage(before.model_dump_json()), HumanMessage(told)])
    assert (finding.category, finding.risk) == (category, risk)
    if (category, risk) != ("indemnity", "high"):
        assert words.rstrip(".") in finding.reason
        assert "Answer again" not in finding.reason


def test_of_several_rejections_the_last_one_counts() -> None:
    turns = [*ask(INDEMNITY)]
    for words in ("this is low risk", "sorry, this is medium risk"):
        turns += [AIMessage('{"risk": "high"}'), HumanMessage(f"A reviewer rejected this answer: {words}.")]
    assert answer(turns)[0].risk == "medium"


def test_an_answer_rejected_without_a_name_is_given_again_with_less_confidence() -> None:
    _, raw = answer(ask(INDEMNITY))
    told = HumanMessage("A reviewer rejected this answer: read it again.")
    _, again = answer([*ask(INDEMNITY), AIMessage(raw.text), told])
    assert again.response_metadata["confidence"]["risk"] < raw.response_metadata["confidence"]["risk"]


def test_a_request_for_repair_is_not_taken_for_material_or_for_a_reviewers_words() -> None:
    repair = HumanMessage("That answer cannot be used: risk should be 'low', 'medium' or 'high'")
    finding, _ = answer([*ask(INDEMNITY), AIMessage("{}"), repair])
    assert (finding.category, finding.risk) == ("indemnity", "high")


def test_a_grave_topic_in_wording_that_no_list_knows_is_low_with_low_confidence() -> None:
    finding, raw = answer(ask("Liability. Clause 8 is read for the party that it names."))
    assert finding.risk == "low"
    assert raw.response_metadata["confidence"]["risk"] < 0.6


def test_feelings_are_told_apart_with_negation() -> None:
    schema = {"type": "object", "properties": {"sentiment": {"enum": ["positive", "neutral", "negative"]}}}
    assert fill(schema, "Lovely shoes, very comfortable.") == {"sentiment": "positive"}
    assert fill(schema, "They are not comfortable and came late.") == {"sentiment": "negative"}
    assert fill(schema, "It is a shoe.") == {"sentiment": "neutral"}


def test_urgency_is_told_by_urgent_words() -> None:
    schema = {"type": "object", "properties": {"urgency": {"enum": ["low", "high"]}}}
    assert fill(schema, "I am locked out and need access immediately, it is urgent!") == {"urgency": "high"}
    assert fill(schema, "No rush, I was just wondering.") == {"urgency": "low"}


def test_values_that_no_list_knows_are_chosen_by_their_own_words() -> None:
    schema = {"type": "object", "properties": {"animal": {"enum": ["horse", "sheep dog", "cat"]}}}
    assert fill(schema, "The dogs drove the sheep home.") == {"animal": "sheep dog"}


def test_the_description_tells_what_an_unknown_value_means() -> None:
    field = {"enum": ["a", "b"], "description": "a: flowers and trees; b: engines and wheels"}
    assert fill({"type": "object", "properties": {"kind": field}}, "Four wheels came off.") == {"kind": "b"}


def test_numbers_lists_dates_and_switches_are_found_in_the_text() -> None:
    schema = {
        "type": "object",
        "properties": {
            "notice_days": {"type": "integer"},
            "email": {"type": "string"},
            "signed_date": {"type": "string"},
            "mentions_refund": {"type": "boolean"},
            "mentions_cats": {"type": "boolean"},
            "topics": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
            "amounts": {"type": "array", "items": {"type": "number"}},
        },
    }
    text = "Signed on 3 March 2026. A refund of 1,200.50 is due. Notice takes 60 days. Write to law@example.org."
    value = fill(schema, text)
    assert value["notice_days"] == 60
    assert value["email"] == "law@example.org"
    assert value["signed_date"] == "3 March 2026"
    assert (value["mentions_refund"], value["mentions_cats"]) == (True, False)
    assert len(value["topics"]) == 2
    assert 1200.5 in value["amounts"]


def test_a_confidence_field_is_the_least_margin() -> None:
    class Sure(Finding):
        confidence: float = Field(ge=0, le=1)

    finding, raw = answer(ask(INDEMNITY), Sure)
    assert finding.confidence == min(raw.response_metadata["confidence"].values())


def test_a_list_of_objects_has_one_for_every_clause() -> None:
    class Part(BaseModel):
        number: str
        heading: str
        text: str
        risk: Literal["low", "high"]

    class Parts(BaseModel):
        parts: list[Part]

    text = f"1. {INDEMNITY}\n2. {MUTUAL}\n"
    found, raw = answer([HumanMessage(f"Split:\n<contract>{text}</contract>")], Parts)
    assert [(part.number, part.heading, part.risk) for part in found.parts] == [
        ("1", "Indemnity", "high"),
        ("2", "Termination", "low"),
    ]
    assert found.parts[0].text == INDEMNITY
    assert set(raw.response_metadata["confidence"]) == {"parts.0.risk", "parts.1.risk"}


def test_a_schema_may_be_wrapped_as_other_services_wrap_it() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "f", "schema": Finding.model_json_schema()}}
    reply = RulesModel().bind(response_format=schema).invoke(ask(INDEMNITY))
    assert json.loads(reply.text)["risk"] == "high"


SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "maxLength": 5},
        {"type": "string", "minLength": 4},
        {"type": "boolean"},
        {"type": "null"},
        {"type": "integer", "minimum": 2, "maximum": 9},
        {"type": "number", "exclusiveMinimum": 0},
        {"type": ["integer", "null"]},
        {"enum": ["low", "high"]},
        {"enum": [1, 2, None]},
        {"const": "fixed"},
        {"anyOf": [{"type": "number"}, {"type": "null"}]},
        {"$ref": "#/$defs/node"},
    ]
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda item, least: {"type": "array", "items": item, "minItems": least}, inner, st.integers(0, 2)),
        st.builds(
            lambda parts: {"type": "object", "properties": parts, "required": list(parts)},
            st.dictionaries(
                st.sampled_from(["risk", "reason", "score", "date", "items", "text", "number"]), inner, max_size=4
            ),
        ),
        st.builds(lambda inner: {"allOf": [inner]}, inner),
    ),
    max_leaves=6,
)
NODE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}},
    "required": ["name"],
}


@settings(max_examples=200, deadline=None)
@given(SCHEMAS, st.one_of(st.text(max_size=80), st.sampled_from([INDEMNITY, "1. Fees are 7.\n2. Term is 8."])))
def test_any_schema_is_filled_with_a_value_that_is_valid(part: dict[str, Any], text: str) -> None:
    schema = {"type": "object", "properties": {"value": part}, "required": ["value"], "$defs": {"node": NODE}}
    reply = RulesModel().bind(response_format=schema).invoke([HumanMessage(text)])
    jsonschema.validate(json.loads(reply.text), {**schema, "$defs": {"node": {"type": ["object", "null"]}}})


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1))
def test_any_text_has_an_answer(text: str) -> None:
    assert RulesModel().invoke([HumanMessage(text)]).text


def test_a_summary_quotes_the_text() -> None:
    text = (EXAMPLES / "services_agreement.md").read_text().split("## 9.")[1]
    reply = RulesModel().invoke(f"Summarise:\n<text>{text}</text>").text
    plain = " ".join(text.split())
    assert all(sentence in plain for sentence in ranks.sentences(reply))


FINDINGS = [
    {"number": "1.1", "heading": "Words", "category": "definitions", "risk": "low"},
    {"number": "7.2", "heading": "Cap", "category": "liability", "risk": "high", "reason": "No cap at all"},
    {"number": "8.1", "heading": "Renewal", "category": "renewal", "risk": "medium", "reason": "It renews."},
]


def memo(findings: str) -> str:
    return RulesModel().invoke(f"Write a memo for counsel:\n<findings>{findings}</findings>").text


def test_a_memo_counts_the_risks_then_tells_the_high_then_the_medium_then_numbers_the_rest() -> None:
    text = memo(json.dumps(FINDINGS))
    assert "3 findings: **1 high**, **1 medium**, **1 low** risk." in text
    assert "1. **Clause 7.2 Cap** (liability): No cap at all." in text
    assert "- **Clause 8.1 Renewal** (renewal): It renews." in text
    assert "Nothing stands out in clause 1.1." in text
    assert text.index("7.2") < text.index("8.1") < text.index("1.1.")
    assert "no language model" in text


def test_a_memo_is_written_from_findings_inside_other_objects_and_tells_what_is_lost() -> None:
    nested = [
        {
            "ok": True,
            "value": {"clause": {"number": one["number"], "heading": one["heading"], "text": "…"}, "finding": one},
        }
        for one in FINDINGS
    ]
    text = memo(json.dumps([*nested, {"ok": False, "error": "timed out"}, {"number": "9", "risk": "unknown"}]))
    assert "1. **Clause 7.2 Cap** (liability): No cap at all." in text
    assert "2 could not be rated and are not covered here." in text


def test_a_memo_is_written_from_plain_lines_as_well() -> None:
    text = memo("7.2 Cap: high – No cap at all\n1.1 Words: low – Fine\n| 8.1 | Renewal | medium | It renews |")
    assert "**Clause 7.2 Cap**: No cap at all." in text
    assert "**Clause 8.1 Renewal**: It renews." in text


def test_a_memo_without_high_risks_says_so() -> None:
    text = memo(json.dumps(FINDINGS[:1]))
    assert "1 finding: **1 low** risk. None is of high risk." in text


def test_a_memo_about_nothing_says_that_nothing_stands_out() -> None:
    assert "No findings: none of high or medium risk." in memo("[]")


def test_a_reviewers_wish_about_a_memo_is_not_silently_ignored() -> None:
    turns = [HumanMessage(f"Write a memo:\n<findings>{json.dumps(FINDINGS)}</findings>"), AIMessage("# Memo")]
    told = HumanMessage("A reviewer rejected this answer: too long. Answer again, taking that into account.")
    assert "“too long.” Rules cannot follow that" in RulesModel().invoke([*turns, told]).text


def test_at_least_four_fifths_of_the_services_agreement_are_rated_as_its_key_says() -> None:
    key = json.loads((EXAMPLES / "services_agreement.key.json").read_text())
    categories, risks = {"enum": key["categories"]}, {"enum": key["risks"]}
    schema = {"title": "Finding", "type": "object", "properties": {"category": categories, "risk": risks}}
    found = clauses((EXAMPLES / "services_agreement.md").read_text())
    rated = [answer(ask(clause["text"]), schema)[0] for clause in found]
    least = 0.8 * len(found)
    for field in ("category", "risk"):
        assert sum(one[field] == wanted[field] for one, wanted in zip(rated, key["clauses"], strict=True)) >= least


@pytest.mark.parametrize(("name", "count"), [("cloud-service-agreement.md", 93), ("mutual-nda.md", 11)])
def test_real_agreements_that_are_balanced_raise_no_high_risk(name: str, count: int) -> None:
    file = DATA / name
    if not file.exists():
        pytest.skip(f"{file} is not beside the project")
    findings = [answer(ask(clause["text"]))[0] for clause in clauses(file.read_text())]
    assert len(findings) == count
    assert not [finding for finding in findings if finding.risk == "high"]

"""Typed forms: the fields of a schema drawn as widgets, and read back as plain data."""

import json
from collections.abc import MutableMapping
from typing import Any

import streamlit as st

from treadle.ui.fields import ABSENT, Field, written
from treadle.ui.markups import plain

State = MutableMapping[Any, Any]


class Unreadable(ValueError):
    """What stands in a field is no value of its kind; the message names the field and says what is wrong."""


def draw(field: Field) -> None:
    """Draw a form for a field and what it holds; `read` gives the data that stand in it."""
    match field.kind:
        case "object":
            _object(field)
        case "list":
            _list(field)
        case "fixed":
            st.text_input(_label(field), str(field.options[0]), disabled=True, key=field.key)
        case _:
            _widget(field)


def _label(field: Field) -> str:
    return plain(field.label) or "Value"


def _object(field: Field) -> None:
    if field.label:
        st.markdown(f"**{_label(field)}**")
    with st.container(border=bool(field.label) and field.depth > 0, gap="small"):
        short = [inner for _, inner in field.fields if inner.kind in ("choice", "number", "integer", "switch")]
        if len(short) > 1:
            _row(short)
        for _, inner in field.fields:
            if len(short) < 2 or inner not in short:
                draw(inner)


def _row(fields: list[Field]) -> None:
    """Short fields side by side, at most three in a row."""
    for start in range(0, len(fields), 3):
        row = fields[start : start + 3]
        for column, field in zip(st.columns(len(row), vertical_alignment="bottom"), row, strict=True):
            with column:
                draw(field)


def _list(field: Field) -> None:
    if field.label:
        st.markdown(f"**{_label(field)}**")
    numbers = _numbers(field, st.session_state)
    for place, number in enumerate(numbers, start=1):
        with st.container(border=True, gap="small", key=f"{field.key}/{number}/box"):
            head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
            head.caption(f"{place} of {len(numbers)}")
            head.button(
                "Remove", key=f"{field.key}/{number}/out", type="tertiary", on_click=_remove, args=(field, number)
            )
            draw(field.item(number))
    st.button(
        f"Add to {_label(field).lower()}" if field.label else "Add",
        key=f"{field.key}/add",
        on_click=_add,
        args=(field,),
    )


def _numbers(field: Field, state: State) -> list[int]:
    """Which items a list has now, by number; those past the end of the value are new."""
    return list(state.get(f"{field.key}/items", range(len(field.start or ()))))


def _remove(field: Field, number: int) -> None:
    left = [one for one in _numbers(field, st.session_state) if one != number]
    st.session_state[f"{field.key}/items"] = left
    st.session_state[f"{field.key}/next"] = max(st.session_state.get(f"{field.key}/next", 0), number + 1)


def _add(field: Field) -> None:
    numbers = _numbers(field, st.session_state)
    new = max([st.session_state.get(f"{field.key}/next", 0), len(field.start or ()), *(one + 1 for one in numbers)])
    st.session_state[f"{field.key}/items"] = [*numbers, new]
    st.session_state[f"{field.key}/next"] = new + 1


def _widget(field: Field) -> None:
    label = _label(field)
    keep: dict[str, Any] = {"key": field.key, "persist_state": "session", "help": plain(field.note) or None}
    start, empty = field.start, "empty" if field.null or field.optional else None
    match field.kind:
        case "text":
            st.text_input(label, start if start is not None else None if empty else "", placeholder=empty, **keep)
        case "prose":
            st.text_area(
                label,
                start if start is not None else None if empty else "",
                placeholder=empty,
                height="content",
                **keep,
            )
        case "choice":
            options = (None, *field.options) if field.null else field.options
            place = options.index(start) if start in options and field.value is not ABSENT else None
            st.selectbox(label, options, index=place, format_func=_named, placeholder=empty or "choose", **keep)
        case "choices":
            st.multiselect(label, field.options, default=start or [], format_func=_named, **keep)
        case "switch":
            st.toggle(label, bool(start), **keep)
        case "integer" | "number":
            _number(field, label, keep)
        case _:
            st.text_area(label, written(field.value), height="content", **keep)
            st.caption("This part is edited as JSON: text stands in double quotes.")


def _number(field: Field, label: str, keep: dict[str, Any]) -> None:
    whole = field.kind == "integer"
    as_kind = int if whole else float
    low, high = (None if bound is None else as_kind(bound) for bound in (field.low, field.high))
    start = None if field.start is None else as_kind(field.start)
    outside = start is not None and ((low is not None and start < low) or (high is not None and start > high))
    bounds: dict[str, Any] = {} if outside else {"min_value": low, "max_value": high}
    step = 1 if whole else 0.05 if high is not None and high <= 1 else 0.1
    st.number_input(label, value=start, step=step, format="%d" if whole else "%.12g", **bounds, **keep)


def _named(option: Any) -> str:
    if option is None:
        return "(empty)"
    if isinstance(option, bool):
        return "Yes" if option else "No"
    return option if isinstance(option, str) else written(option)


def read(field: Field, state: State | None = None) -> Any:
    """The data that stand in a form, ABSENT for a field that is to be left out.

    `state` holds the widgets' values by key (default: the session's); a field that was not drawn has its first value.
    Raises Unreadable.
    """
    state = st.session_state if state is None else state
    match field.kind:
        case "object":
            inner = ((name, read(part, state)) for name, part in field.fields)
            return {name: value for name, value in inner if value is not ABSENT}
        case "list":
            return [read(field.item(number), state) for number in _numbers(field, state)]
        case "fixed":
            return field.options[0]
        case "json":
            return _parsed(field, state.get(field.key, written(field.value)))
    value = state.get(field.key, field.start)
    return _restored(field, value)


def _restored(field: Field, value: Any) -> Any:
    """What a widget gave, in the type of the data."""
    cleared = value == "" and (field.start is None or (field.null and field.start != ""))
    if value is None or cleared:
        if field.optional and field.value is ABSENT:
            return ABSENT
        if field.null or field.value is None:
            return None
        if field.kind in ("text", "prose"):
            return ""
        raise Unreadable(f"{field.label or 'The value'} is empty: fill it in.")
    if field.kind in ("integer", "number") and field.start is not None and value == field.start:
        return field.start  # 3 stays 3, where the widget says 3.0
    return list(value) if field.kind == "choices" else value


def _parsed(field: Field, text: str) -> Any:
    if not text.strip() and field.value is ABSENT and field.optional:
        return ABSENT
    try:
        return json.loads(text)
    except ValueError as error:
        place = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"{field.label or 'The value'} is not JSON{place}: {_reason(error)}.") from None


def _reason(error: ValueError) -> str:
    return error.msg[:1].lower() + error.msg[1:] if isinstance(error, json.JSONDecodeError) else str(error)

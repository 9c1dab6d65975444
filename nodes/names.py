"""Names of models: ``kind:which?parameter=value&...``, taken apart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from treadle.errors import ModelUnavailable

Value = str | int | float | bool | Iterable[str]


@dataclass(frozen=True)
class Name:
    """A model's name: what kind, which one, and its parameters as they are written."""

    kind: str
    which: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def options(self) -> dict[str, str | list[str]]:
        """The parameters by their names; one that is said twice has a list."""
        found: dict[str, str | list[str]] = {}
        for key, value in self.parameters:
            had = found.get(key)
            found[key] = value if had is None else [*([had] if isinstance(had, str) else had), value]
        return found


def parsed(text: str, parameters: Mapping[str, Value]) -> Name:
    """Take a name apart; parameters given beside it are added, and win over those in it.

    >>> parsed("bedrock:amazon.nova-lite-v1:0?region=eu-central-1", {"limit": 8}).parameters
    (('limit', '8'), ('region', 'eu-central-1'))

    Raises:
        ModelUnavailable: for text after the question mark that is not ``parameter=value``.
    """
    name, _, query = text.partition("?")
    kind, _, which = name.partition(":")
    try:
        written = parse_qsl(query, strict_parsing=True, keep_blank_values=True) if query else []
    except ValueError as error:
        raise ModelUnavailable(
            f"model {text!r}: after the question mark stands parameter=value&... ({error})"
        ) from None
    beside = [(key, one) for key, value in parameters.items() for one in _written(value)]
    kept = [(key, value) for key, value in written if key not in parameters]
    return Name(kind, which, tuple(sorted(kept + beside, key=lambda pair: pair[0])))


def _written(value: Value) -> list[str]:
    if isinstance(value, bool):
        return [str(value).lower()]
    return [str(value)] if isinstance(value, str | int | float) else [str(one) for one in value]

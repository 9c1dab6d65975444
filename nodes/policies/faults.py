"""What an error of a model's service means: whether another attempt is worth it, and whether to slow down."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

Kind = Literal["throttled", "spent", "busy", "slow", "broken", "denied", "refused", "unknown"]
"""`throttled`: asked too often; `spent`: a quota that minutes do not refill; `busy`: the service is in trouble;
`slow`: no answer in time; `broken`: the model failed, or its answer was cut or is no answer; `denied`: credentials,
permission, region or model id; `refused`: the request itself; `unknown`: not an error of a service."""

PASSING: frozenset[Kind] = frozenset({"throttled", "busy", "slow", "broken"})
"""What another attempt may cure."""

CODES: Mapping[str, Kind] = {
    **dict.fromkeys(
        (
            "throttling", "throttled", "throttledexception", "requestthrottled", "toomanyrequests", "slowdown",
            "requestlimitexceeded", "bandwidthlimitexceeded", "limitexceeded", "provisionedthroughputexceeded",
        ),
        "throttled",
    ),
    **dict.fromkeys(("servicequotaexceeded",), "spent"),
    **dict.fromkeys(("internalserver", "internalfailure", "serviceunavailable", "modelnotready", "internal"), "busy"),
    **dict.fromkeys(("modeltimeout", "requesttimeout"), "slow"),
    **dict.fromkeys(("modelerror", "modelstreamerror"), "broken"),
    **dict.fromkeys(
        (
            "accessdenied", "unrecognizedclient", "expiredtoken", "invalidsignature", "signaturedoesnotmatch",
            "incompletesignature", "missingauthenticationtoken", "invalidclienttokenid", "notauthorized",
            "resourcenotfound", "optinrequired",
        ),
        "denied",
    ),
    **dict.fromkeys(("validation",), "refused"),
}  # fmt: skip
"""What a service's own word for an error means, without "Exception" and in lower case."""

CLASSES: Mapping[str, Kind] = {
    **dict.fromkeys(
        (
            "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError",
            "NoAuthTokenError", "SSOError", "LoginError", "NoRegionError", "ProfileNotFound",
        ),
        "denied",
    ),
    **dict.fromkeys(("ReadTimeoutError", "ConnectTimeoutError", "ReadTimeout", "ConnectTimeout"), "slow"),
    **dict.fromkeys(
        (
            "HTTPClientError", "IncompleteReadError", "HTTPError", "ResponseParserError", "ParserError",
            "TransportError",
        ),
        "broken",
    ),
}  # fmt: skip
"""What the classes of errors mean that carry no service's word (botocore, urllib3, httpx), by their names."""

_THROTTLED = re.compile(
    r"throttl|too ?many ?(requests|connections)|too many tokens,|rate (limit|exceeded)|slow ?down", re.I
)
_QUOTED = re.compile(r"An error occurred \((\w+)\)")  # botocore's words, where they are all that was passed on
_SPENT = re.compile(r"(tokens|requests) per day|daily", re.I)
_NO_ANSWER = "No 'output' key found in the response"  # what langchain-aws says of an answer that is no JSON


@dataclass(frozen=True)
class Fault:
    """What an error means."""

    kind: Kind
    code: str
    """The service's word for it, else the name of the error's class."""
    message: str
    after: float | None = None
    """Seconds that the service asked to wait."""

    @property
    def passing(self) -> bool:
        """Whether another attempt may cure it."""
        return self.kind in PASSING


def fault(error: BaseException) -> Fault:
    """Return what an error means: of botocore, of an event stream, or of any client with a status or a telling name.

    >>> fault(TimeoutError("no answer")).passing
    True
    """
    code, message = word(error) or type(error).__name__, _message(error)
    kind = CODES.get(code.lower().removesuffix("exception"), "unknown")
    if kind == "unknown":
        kind = _of_status(_status(error)) or _of_class(error)
    if kind == "throttled" and _SPENT.search(message):
        kind = "spent"
    elif kind in ("busy", "broken", "unknown") and (_original(error) == 429 or _THROTTLED.search(_said(error))):
        kind = "throttled"
    return Fault(kind, code, message, after(error))


def throttled(error: BaseException) -> bool:
    """Whether a service said, in whatever words, that it was asked too often."""
    return fault(error).kind == "throttled"


def word(error: BaseException) -> str:
    """Return the service's own word for an error (botocore), or ""."""
    quoted = _QUOTED.search(str(error))
    return str((_answer(error).get("Error") or {}).get("Code", "")) or (quoted[1] if quoted else "")


def after(error: BaseException) -> float | None:
    """Return the seconds that a service asked to wait: `retry_after`, or the header ``Retry-After``, or None."""
    told: Any = getattr(error, "retry_after", None)
    told = _headers(error).get("retry-after") if told is None else told
    try:
        return None if told is None else max(0.0, float(told))
    except ValueError:
        return _until(str(told))


def _answer(error: BaseException) -> Mapping[str, Any]:
    found = getattr(error, "response", None)
    return found if isinstance(found, Mapping) else {}


def _message(error: BaseException) -> str:
    return str((_answer(error).get("Error") or {}).get("Message") or error)


def _said(error: BaseException) -> str:
    """What a service may have said: in an error of Python's own, a message is the program's."""
    own = type(error).__module__ == "builtins" and _status(error) is None
    return word(error) or type(error).__name__ if own else f"{word(error)} {type(error).__name__} {_message(error)}"


def _original(error: BaseException) -> int | None:
    """The status that a model gave to Bedrock, where Bedrock passes it on."""
    answer = _answer(error)
    found = answer.get("originalStatusCode") or (answer.get("Error") or {}).get("originalStatusCode")
    return found if isinstance(found, int) else None


def _status(error: BaseException) -> int | None:
    answer: Any = getattr(error, "response", None)
    if isinstance(answer, Mapping):
        found = (answer.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    else:
        found = getattr(error, "status_code", None) or getattr(answer, "status_code", None)
    return found if isinstance(found, int) else None


def _of_status(status: int | None) -> Kind | None:
    kinds: Mapping[int, Kind] = {408: "slow", 424: "broken", 429: "throttled", 401: "denied", 403: "denied"}
    if status is None or status < 400:
        return None
    return kinds.get(status) or ("busy" if status >= 500 else "refused")


def _of_class(error: BaseException) -> Kind:
    if _NO_ANSWER in str(error):
        return "broken"
    for kind in type(error).__mro__:
        if kind.__name__ in CLASSES:
            return CLASSES[kind.__name__]
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "slow"
    return "broken" if isinstance(error, ConnectionError) else "unknown"


def _headers(error: BaseException) -> dict[str, Any]:
    answer: Any = getattr(error, "response", None)
    if isinstance(answer, Mapping):
        found: Any = (answer.get("ResponseMetadata") or {}).get("HTTPHeaders")
    else:
        found = getattr(answer, "headers", None)
    return {str(name).lower(): value for name, value in found.items()} if hasattr(found, "items") else {}


def _until(date: str) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (TypeError, ValueError):
        return None

"""What to do about a failed call to Bedrock, in words: an error of treadle's for every fault."""

from collections.abc import Mapping
from dataclasses import dataclass

from langchain_core.exceptions import ContextOverflowError

from treadle.errors import (
    ModelFailed,
    ModelThrottled,
    ModelUnavailable,
    PromptTooLong,
    RequestRefused,
    TreadleError,
)
from treadle.nodes.policies.faults import Fault, fault

DENIED: Mapping[str, str] = {
    "accessdenied": "ask for access to it in the Bedrock console (Model access) in this region, and allow "
    "bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream on it in IAM",
    "resourcenotfound": "check the model id and whether this region has it (`aws bedrock list-foundation-models "
    "--region {region}`); an old version may have ended",
    "expiredtoken": "sign in again (`aws sso login`, or renew the session's token)",
    "unrecognizedclient": "the access key is not valid; check AWS_ACCESS_KEY_ID or run `aws configure`",
    "invalidsignature": "the secret key does not fit the access key, or this machine's clock is wrong",
    "signaturedoesnotmatch": "the secret key does not fit the access key, or this machine's clock is wrong",
    "tokenretrievalerror": "sign in again with `aws sso login`",
    "unauthorizedssotokenerror": "sign in again with `aws sso login`",
    "ssotokenloaderror": "sign in again with `aws sso login`",
}

WORDS: Mapping[str, str] = {
    "throttled": "was throttled",
    "spent": "has spent a quota",
    "busy": "is in trouble",
    "slow": "did not answer in time",
    "broken": "broke off its answer",
}

ADVICE: Mapping[str, str] = {
    "throttled": "lower limit= or say requests= and tokens= (a minute), ask for a higher quota, or name a fallback=",
    "spent": "wait for the quota's next day, ask for a higher one, or name a fallback= in another region",
    "busy": "name a fallback= (another model, or @another-region), or try again later",
    "slow": "raise timeout=, ask for less at once (max_tokens=), or name a fallback=",
    "broken": "try again later, or name a fallback=; if it never answers, check region= and endpoint=",
}


@dataclass(frozen=True)
class Place:
    """Which model was called, and where."""

    model: str
    region: str

    def __str__(self) -> str:
        return f"bedrock:{self.model} in {self.region}"


def explained(error: BaseException, place: Place, *, attempts: int) -> TreadleError | None:
    """Return the error to raise for one of a call to Bedrock, or None if it is none of the service's."""
    if isinstance(error, ContextOverflowError):
        return PromptTooLong(f"{place}: {fault(error).message}; shorten the prompt or split the document")
    meant = fault(error)
    if meant.kind == "unknown":
        return None
    if meant.kind == "denied":
        return ModelUnavailable(f"{place} cannot be used ({meant.code}: {meant.message}); {_cure(meant, place)}")
    if meant.kind == "refused":
        return _refusal(meant, place)
    kind = ModelThrottled if meant.kind in ("throttled", "spent") else ModelFailed
    tries = f"{attempts} attempt{'s' * (attempts > 1)}"
    return kind(f"{place} {WORDS[meant.kind]} in {tries} ({meant.code}: {meant.message}); {ADVICE[meant.kind]}")


def _cure(meant: Fault, place: Place) -> str:
    known = DENIED.get(meant.code.lower().removesuffix("exception"))
    return (known or "check credentials and region: `aws sts get-caller-identity`, `aws configure`").format(
        region=place.region
    )


def _refusal(meant: Fault, place: Place) -> TreadleError:
    if "on-demand throughput" in meant.message:
        area = place.region.split("-")[0]
        return ModelUnavailable(
            f"{place} is served through inference profiles only; name one, such as bedrock:{area}.{place.model}"
        )
    if "model identifier is invalid" in meant.message:
        return ModelUnavailable(
            f"{place}: Bedrock knows no such model there; `aws bedrock list-foundation-models --region "
            f"{place.region}` lists those it has"
        )
    return RequestRefused(f"{place} refuses the request ({meant.code}: {meant.message}); it would refuse it again")

"""What can go wrong with a call, as Bedrock tells it: a status with a code, or a fault in the middle of the answer."""

from dataclasses import dataclass
from typing import Literal

How = Literal["status", "inside", "cut", "silent", "spoilt", "garbled", "drop"]


@dataclass(frozen=True)
class Mishap:
    """One way to fail."""

    how: How
    """An error's `status`; an error `inside` a stream; a connection `cut` in the middle of the answer; a stream that
    ends without an end (`silent`); a frame with a wrong checksum (`spoilt`); JSON that is none (`garbled`); a
    connection closed without a word (`drop`)."""
    status: int = 200
    code: str = ""
    message: str = ""


MISHAPS = {
    "throttle": Mishap("status", 429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "tokens": Mishap("status", 429, "ThrottlingException", "Too many tokens, please wait before trying again."),
    "daily": Mishap("status", 429, "ThrottlingException", "Too many tokens per day, please wait before trying again."),
    "error": Mishap("status", 500, "InternalServerException", "The system encountered an unexpected error."),
    "unavailable": Mishap("status", 503, "ServiceUnavailableException", "The service is temporarily unavailable."),
    "timeout": Mishap("status", 408, "ModelTimeoutException", "The model took too long to process the request."),
    "model": Mishap("status", 424, "ModelErrorException", "The model failed to process the request."),
    "not_ready": Mishap("status", 429, "ModelNotReadyException", "The model is not ready; try again."),
    "denied": Mishap(
        "status", 403, "AccessDeniedException", "You don't have access to the model with the specified model ID."
    ),
    "expired": Mishap("status", 403, "ExpiredTokenException", "The security token included in the request is expired"),
    "not_found": Mishap("status", 404, "ResourceNotFoundException", "Could not resolve the foundation model."),
    "invalid": Mishap("status", 400, "ValidationException", "Malformed input request, please reformat and try again."),
    "too_long": Mishap("status", 400, "ValidationException", "Input is too long for requested model."),
    "on_demand": Mishap(
        "status",
        400,
        "ValidationException",
        "Invocation of model ID with on-demand throughput isn't supported. Retry your request with the ID or ARN of "
        "an inference profile that contains this model.",
    ),
    "inside_throttle": Mishap("inside", 429, "throttlingException", "Too many requests, please wait."),
    "inside_error": Mishap("inside", 500, "internalServerException", "The system encountered an unexpected error."),
    "inside_unavailable": Mishap("inside", 503, "serviceUnavailableException", "The service is unavailable."),
    "inside_model": Mishap("inside", 424, "modelStreamErrorException", "The model failed while it answered."),
    "inside_invalid": Mishap("inside", 400, "validationException", "The input is malformed."),
    "cut": Mishap("cut"),
    "silent": Mishap("silent"),
    "malformed": Mishap("spoilt"),
    "garbled": Mishap("garbled"),
    "drop": Mishap("drop"),
}
"""Every mishap by the name that `faults` and scripts know it by.

Those inside a stream come as a plain status where the whole answer was asked for at once; `silent` and `malformed`
are JSON that is none there.
"""

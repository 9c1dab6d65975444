"""Clients of Amazon Bedrock: one for each region, profile and endpoint in a process, tuned for many calls at once."""

import os
import threading
from dataclasses import dataclass
from typing import Any

from treadle.errors import ModelUnavailable

ENDPOINT = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"


@dataclass(frozen=True)
class Account:
    """Where calls go, and as whom."""

    region: str
    profile: str | None = None
    endpoint: str | None = None
    timeout: float = 300
    """Seconds without a byte until a call is given up."""


@dataclass(frozen=True)
class Clients:
    """The clients that LangChain's Converse model takes."""

    runtime: Any
    control: Any


_clients: dict[tuple[int, Account, int], Clients] = {}
_mutex = threading.Lock()


def account(
    *, region: str | None = None, profile: str | None = None, endpoint: str | None = None, timeout: float = 300
) -> Account:
    """Return where calls go: what is given, else what the environment and the AWS configuration say.

    Raises:
        ModelUnavailable: without a region or credentials, or for a profile that does not exist; it says what to do.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.Session(profile_name=profile)
        found = region or session.region_name or os.environ.get("AWS_REGION")
        anybody = bool(os.environ.get("AWS_BEARER_TOKEN_BEDROCK")) or session.get_credentials() is not None
    except BotoCoreError as error:
        raise ModelUnavailable(
            f"AWS settings cannot be used: {error}; `aws configure list` shows them, `aws configure` mends them"
        ) from error
    if not anybody:
        raise ModelUnavailable(
            "Bedrock needs AWS credentials and none were found; run `aws configure`, or set AWS_PROFILE, or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_BEARER_TOKEN_BEDROCK"
        )
    if not found:
        raise ModelUnavailable(
            "Bedrock needs a region; name it (bedrock:<model id>?region=eu-central-1) or set AWS_REGION"
        )
    return Account(found, profile, endpoint or os.environ.get(ENDPOINT), timeout)


def clients(account: Account, *, connections: int) -> Clients:
    """Return the process's clients for an account; those of a process that forked are its own.

    They make one attempt: who tries again, and when, is for the limit that all calls share to say.
    """
    key = (os.getpid(), account, connections)
    with _mutex:  # a boto3 session must not make two clients at the same time
        if key not in _clients:
            _clients[key] = _made(account, connections)
        return _clients[key]


def _made(account: Account, connections: int) -> Clients:
    import boto3
    import botocore
    from botocore.config import Config

    tuning: Any = Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=min(10.0, account.timeout),
        read_timeout=account.timeout,
        max_pool_connections=connections,
        tcp_keepalive=True,
        # said here, since it is put together anew for every request otherwise: a tenth of a call's CPU
        user_agent=f"Boto3/{boto3.__version__} Botocore/{botocore.__version__} treadle",
    )
    session = boto3.Session(profile_name=account.profile, region_name=account.region)
    runtime = session.client("bedrock-runtime", endpoint_url=account.endpoint, config=tuning)
    return Clients(runtime, session.client("bedrock", config=tuning))

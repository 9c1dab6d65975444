"""The webhook: a notice as a signed POST, in the form of the Standard Webhooks specification.

The signature covers the notice's id, the time of sending and the body, so that a receiver can refuse what is not from
here and what is too old; libraries that verify it exist for most languages. See docs/desk.md.
"""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from treadle.checkpoints.desks.notices import Notice
from treadle.errors import NotifierUnknown

PREFIX = "whsec_"
"""What a secret begins with that is given as base64."""


class NotDelivered(Exception):
    """The receiver did not take a notice."""


@dataclass(frozen=True)
class Webhook:
    """Posts each notice as JSON; a receiver takes it by any answer from 200 to 299 within ``timeout`` seconds.

    Redirects are not followed. Raises NotifierUnknown for an address that is none, or without a secret.
    """

    url: str
    secret: str = field(repr=False)
    timeout: float = 10.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotifierUnknown(f"{self.url!r} is no address of a webhook: write http://... or https://...")
        if not self.secret:
            raise NotifierUnknown("A webhook needs a secret to sign with: set TREADLE_WEBHOOK_SECRET.")
        _ = _key(self.secret)

    @property
    def name(self) -> str:
        """Where it goes, without what may be secret in the address."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"webhook:{parts.scheme}://{parts.hostname}{port}{parts.path}"

    def send(self, notice: Notice) -> None:
        """Post the notice; NotDelivered, or an error of httpx, if the receiver did not take it."""
        body = json.dumps(notice.payload(), ensure_ascii=False).encode("utf-8", "replace")
        at = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": notice.id,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(self.secret, notice.id, at, body),
        }
        answer = httpx.post(self.url, content=body, headers=headers, timeout=self.timeout, follow_redirects=False)
        if not answer.is_success:
            raise NotDelivered(f"{self.name} answered {answer.status_code} {answer.reason_phrase}")


def sign(secret: str, id: str, at: int, body: bytes) -> str:  # noqa: A002
    """The signature of one sending: ``v1,`` and HMAC-SHA256, in base64, over ``id.at.body``.

    >>> body = b'{"test": 2432232314}'
    >>> sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    mac = hmac.new(_key(secret), f"{id}.{at}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def verify(secret: str, headers: "httpx.Headers | dict[str, str]", body: bytes, *, within: float = 300.0) -> bool:
    """Whether a request was signed with the secret, and no longer ago than ``within`` seconds: for receivers in Python.

    ``headers`` by lower-case names. What was received once within that time is still received again at a repetition:
    keep the ``webhook-id`` of what you have dealt with.
    """
    try:
        id_, at = headers["webhook-id"], int(headers["webhook-timestamp"])
        given = headers["webhook-signature"].split(" ")
    except (KeyError, ValueError):
        return False
    wanted = sign(secret, id_, at, body)
    right = any(hmac.compare_digest(one.encode(), wanted.encode()) for one in given)
    return right and abs(time.time() - at) <= within


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise NotifierUnknown(f"A secret that begins with {PREFIX} goes on in base64; this one does not.") from None

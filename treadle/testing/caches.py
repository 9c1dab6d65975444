"""What a Converse server counts: tokens in and out, and those written to and read from its prompt cache."""

import hashlib
import json

from treadle.testing.answers import Answer, Request, tokens


class Cache:
    """The prefixes of prompts up to their cache points, each known once it was sent."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def usage(self, request: Request, answer: Answer) -> dict[str, int]:
        """Return the usage that Converse tells for a request with its answer."""
        read, written, rest = self._split(request)
        counted = {"inputTokens": rest, "outputTokens": answer.size, "totalTokens": read + written + rest + answer.size}
        if read or written:
            counted |= {"cacheReadInputTokens": read, "cacheWriteInputTokens": written}
        return counted

    def _split(self, request: Request) -> tuple[int, int, int]:
        """Tokens read from the cache, written to it, and beyond its last point."""
        digest, so_far, read, marked = hashlib.sha256(request.model.encode()), 0, 0, 0
        for block in request.blocks:
            if "cachePoint" in block:
                read = so_far if digest.hexdigest() in self._known else read
                self._known[digest.hexdigest()] = marked = so_far
                continue
            text = json.dumps(block, sort_keys=True)
            digest.update(text.encode())
            so_far += tokens(str(block.get("text", text)))
        return read, marked - read, so_far - marked

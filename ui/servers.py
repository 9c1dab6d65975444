"""Serving the page: Streamlit started on this computer, with the options that the page needs."""

import os
import socket
import sys
from contextlib import suppress
from importlib.util import find_spec
from logging import LogRecord, getLogger
from pathlib import Path

from streamlit.web import cli

from treadle.errors import PageUnavailable, StoreError
from treadle.graphs import catalogs
from treadle.ui import people, stores, themes, workers

LOOPBACK = ("127.0.0.1", "localhost", "::1")

APP = Path(__file__).with_name("app.py")


def serve(
    db: str | os.PathLike[str],
    port: int = 8501,
    *,
    graphs: str | os.PathLike[str] | None = None,
    address: str = "127.0.0.1",
    worker: bool = True,
    open: bool = False,  # noqa: A002
    user_header: str | None = None,
    groups_header: str | None = None,
) -> None:
    """Serve the page for a database until Ctrl-C; the process belongs to the server and ends with it.

    `graphs` is the ``langgraph.json`` (or its folder) that names the graphs; `worker` also advances runs here once they
    are decided; `open` opens the page in the browser as well. `port` 0 takes a free one.
    Raises PageUnavailable, before anything is started, for a port in use, or an address that others can reach while
    nobody has to sign in.
    """
    port = free(port, address)
    if address not in LOOPBACK and not _signing():
        raise PageUnavailable(
            f"The page cannot listen on {address}: anybody who reaches it could decide under any name. Let reviewers"
            " sign in (an [auth] section in .streamlit/secrets.toml), or leave the address at 127.0.0.1."
        )
    if _signing() and find_spec("authlib") is None:
        raise PageUnavailable(
            "Reviewers cannot sign in: .streamlit/secrets.toml has an [auth] section, and what reads it is not"
            " installed. Install it: pip install 'treadle[login]'."
        )
    os.environ[stores.VARIABLE] = str(Path(db).expanduser().absolute())
    os.environ[workers.VARIABLE] = "1" if worker else "0"
    for variable, header in ((people.USER_HEADER, user_header), (people.GROUPS_HEADER, groups_header)):
        if header is not None:
            os.environ[variable] = header
    if graphs is not None:
        os.environ[catalogs.VARIABLE] = str(Path(graphs).expanduser().absolute())
    with suppress(StoreError):  # the page says what is wrong with the database
        workers.work(stores.store())  # what was decided before goes on, though nobody opens the page
    local = not _signing() and not os.environ.get(people.USER_HEADER)
    sys.argv = ["streamlit", "run", str(APP), *options(port=port, address=address, open=open, local=local)]
    try:
        cli.main()
    finally:
        workers.rest()


def options(
    *,
    port: int,
    address: str = "127.0.0.1",
    open: bool = False,  # noqa: A002
    local: bool = False,
) -> list[str]:
    """The command line options with which Streamlit runs the page.

    In local mode, where whoever reaches the page is believed, only this machine's own names reach it: a web page whose
    name was made to point here (DNS rebinding) does not.
    """
    given: dict[str, object] = {
        "server.address": address,
        "server.port": port,
        "server.headless": not open,
        "server.fileWatcherType": "none",
        "server.showEmailPrompt": False,
        "runner.magicEnabled": False,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        **themes.OPTIONS,
    }
    words = {True: "true", False: "false"}
    hosts = [f"--server.allowedHosts={name}" for name in LOOPBACK] if local else []
    return hosts + [
        f"--{name}={words.get(value, value) if isinstance(value, bool) else value}" for name, value in given.items()
    ]


def free(port: int, address: str = "127.0.0.1") -> int:
    """The port, if it can be listened on, or a free one for 0; raises PageUnavailable."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # as the server does: a port that was just left is no port in use
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            return int(probe.getsockname()[1])
    except OverflowError:
        raise PageUnavailable(f"{port} is no port: it is a number from 0 to 65535.") from None
    except OSError as error:
        raise PageUnavailable(
            f"The page cannot be served on {address}:{port} ({error.strerror}): choose another port, or stop what uses"
            " this one."
        ) from None


def _signing() -> bool:
    """Whether the secrets that Streamlit reads have an [auth] section."""
    import streamlit as st

    getLogger("streamlit.config").addFilter(_expected)
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def _expected(record: LogRecord) -> bool:
    """Pass what Streamlit tells of its options but that they were changed, as they are after the secrets are read."""
    return "config option section was detected" not in record.getMessage()

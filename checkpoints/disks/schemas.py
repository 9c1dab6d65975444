"""The tables of a treadle database, and how a file gets from one version of them to the next.

    spaces       one row a thread and checkpoint namespace; its key stands for both elsewhere (``home``: the key of the
                 thread's first; keys are never used again, so what a process remembers by key cannot deceive it)
    checkpoints  one row a checkpoint, as what differs from an earlier one (``base``); no ``body`` while only writes of
                 it are known; see treadle/checkpoints/layouts/bodies.py
    blobs        each large or growing value once a thread; see treadle/checkpoints/layouts/values.py
    writes       what tasks wrote before their step ended; see treadle/checkpoints/layouts/writes.py
    reviews      the queue: every interrupt; ``waits`` says which tasks, from the innermost outwards, wait for it
    decisions    what was decided: append-only, each row carrying the hash of the one before
    events       what else was done to the record: rules made, parts removed; chained in the same way
    rules        standing rules, and how often each was used
    seeds        questions whose right answer is known
    runs         the ledger: one row a thread
    journal      results that steps remember
    traces       what steps did: prompts, responses, tokens
    cache        answers of steps, by namespace and key, each with its end
    versions     the versions of graphs: fingerprint, name, what the fingerprint was made of
    splits       which versions new runs take, by weight; the newest row of a graph holds
    changes      pairs of versions that are declared compatible
    claims, deadlines, channels, outbox    what happens at the desk; see treadle/checkpoints/desks/tables.py
    views        what reviewers filter the queue for, under a name

``refs`` are the ids of values (rows of ``blobs``) that a row points to or rests on.
Times are seconds since the epoch. Migrations go forward only; each is one function, never changed once released.
"""

import sqlite3
from pathlib import Path

from treadle.checkpoints.disks.connections import journal
from treadle.errors import StoreCorrupt, StoreNewer

APPLICATION = 0x5452444C
"""SQLite's application_id of our files: "TRDL"."""

PAGE = 1024
"""Bytes of a page: a step changes a few rows in each of some tables, and each page that it touches is written whole.

A table or index takes a page at least, and there are some sixty."""

VERSION = 9
"""SQLite's user_version of our files: the number of migrations."""

STATE = """
CREATE TABLE spaces (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    thread_id TEXT NOT NULL,
    ns TEXT NOT NULL,
    home INTEGER NOT NULL,
    UNIQUE (thread_id, ns)
);
CREATE TABLE checkpoints (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    space INTEGER NOT NULL,
    id TEXT NOT NULL,
    parent_id TEXT,
    run_id TEXT,
    source TEXT,
    step INTEGER,
    at REAL,
    body BLOB,
    UNIQUE (space, id)
);
CREATE INDEX checkpoints_of_run ON checkpoints (run_id) WHERE run_id IS NOT NULL;
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    home INTEGER NOT NULL,
    digest BLOB,
    type TEXT NOT NULL,
    base INTEGER,
    ordinal INTEGER NOT NULL,
    size INTEGER NOT NULL,
    codec INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX blobs_of_thread ON blobs (home, digest);
CREATE TABLE writes (
    checkpoint INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    idx INTEGER NOT NULL,
    channel TEXT NOT NULL,
    task_path TEXT NOT NULL,
    type TEXT,
    codec INTEGER,
    body BLOB,
    blob INTEGER,
    PRIMARY KEY (checkpoint, task_id, idx)
) WITHOUT ROWID;
"""

QUEUE = """
CREATE TABLE reviews (
    seq INTEGER PRIMARY KEY,
    thread_id TEXT NOT NULL,
    interrupt_id TEXT NOT NULL,
    ns TEXT NOT NULL,
    path TEXT NOT NULL,
    node TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    graph TEXT,
    gate TEXT,
    title TEXT,
    why TEXT,
    text TEXT NOT NULL DEFAULT '',
    value TEXT NOT NULL,
    schema TEXT,
    digest TEXT NOT NULL,
    assign TEXT,
    priority REAL NOT NULL DEFAULT 0,
    due REAL,
    status TEXT NOT NULL DEFAULT 'pending',
    answers INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    asked_at REAL NOT NULL,
    closed_at REAL,
    UNIQUE (thread_id, interrupt_id)
);
CREATE INDEX reviews_pending ON reviews (priority DESC, ifnull(due, 9e999), asked_at, seq) WHERE status = 'pending';
CREATE INDEX reviews_open ON reviews (thread_id) WHERE status <> 'closed';
CREATE INDEX reviews_of_interrupt ON reviews (interrupt_id);
CREATE TABLE waits (
    thread_id TEXT NOT NULL,
    ns TEXT NOT NULL,
    task_id TEXT NOT NULL,
    interrupt_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    PRIMARY KEY (thread_id, ns, task_id, interrupt_id)
) WITHOUT ROWID;
CREATE INDEX waits_of_interrupt ON waits (thread_id, interrupt_id);
CREATE TABLE decisions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    thread_id TEXT NOT NULL,
    interrupt_id TEXT NOT NULL,
    action TEXT,
    answer TEXT NOT NULL,
    reason TEXT,
    words TEXT,
    "by" TEXT NOT NULL,
    at REAL NOT NULL,
    digest TEXT,
    shown TEXT,
    client TEXT,
    seconds REAL,
    applied_at REAL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX decisions_of_interrupt ON decisions (thread_id, interrupt_id);
CREATE INDEX decisions_to_apply ON decisions (thread_id) WHERE applied_at IS NULL;
"""

LEDGER = """
CREATE TABLE runs (
    thread_id TEXT PRIMARY KEY,
    graph TEXT,
    fingerprint TEXT,
    status TEXT NOT NULL DEFAULT 'direct',
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    finished_at REAL,
    config TEXT NOT NULL DEFAULT '{}',
    steps INTEGER NOT NULL DEFAULT 0,
    tokens_in INTEGER NOT NULL DEFAULT 0,
    tokens_out INTEGER NOT NULL DEFAULT 0,
    cost REAL NOT NULL DEFAULT 0,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL,
    parent_thread TEXT,
    forked_from TEXT,
    owner TEXT,
    token INTEGER NOT NULL DEFAULT 0,
    expires_at REAL,
    heartbeat_at REAL
);
CREATE INDEX runs_by_status ON runs (status, updated_at);
CREATE INDEX runs_by_update ON runs (updated_at);
CREATE TABLE journal (
    thread_id TEXT NOT NULL,
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    codec INTEGER NOT NULL DEFAULT 0,
    body BLOB NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (thread_id, key)
) WITHOUT ROWID;
CREATE TABLE traces (
    seq INTEGER PRIMARY KEY,
    thread_id TEXT NOT NULL,
    path TEXT,
    step TEXT,
    at REAL NOT NULL,
    codec INTEGER NOT NULL,
    entry BLOB NOT NULL
);
CREATE INDEX traces_of_thread ON traces (thread_id, seq);
"""

VERSIONS = """
CREATE TABLE cache (
    ns TEXT NOT NULL,
    key TEXT NOT NULL,
    expires_at REAL,
    type TEXT NOT NULL,
    codec INTEGER NOT NULL,
    body BLOB NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (ns, key)
) WITHOUT ROWID;
CREATE INDEX cache_by_end ON cache (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE versions (
    graph TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    name TEXT,
    codec INTEGER NOT NULL,
    body BLOB NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (graph, fingerprint)
);
CREATE UNIQUE INDEX versions_by_name ON versions (graph, name) WHERE name IS NOT NULL;
CREATE TABLE splits (
    seq INTEGER PRIMARY KEY,
    graph TEXT NOT NULL,
    weights TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX splits_of_graph ON splits (graph, seq);
CREATE TABLE changes (
    earlier TEXT NOT NULL,
    later TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (earlier, later)
) WITHOUT ROWID;
ALTER TABLE reviews ADD COLUMN fingerprint TEXT;
CREATE INDEX runs_by_version ON runs (graph, fingerprint);
"""

COMPACT = """
ALTER TABLE checkpoints ADD COLUMN base INTEGER;
ALTER TABLE checkpoints ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE checkpoints ADD COLUMN refs BLOB;
ALTER TABLE blobs ADD COLUMN refs BLOB;
ALTER TABLE writes RENAME TO rows_of_writes;
CREATE TABLE writes (
    key INTEGER PRIMARY KEY,
    checkpoint INTEGER NOT NULL,
    task_id TEXT,
    refs BLOB,
    codec INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX writes_of_checkpoint ON writes (checkpoint, task_id);
"""

LESSONS = """
ALTER TABLE decisions ADD COLUMN reasons TEXT;
ALTER TABLE decisions ADD COLUMN labels TEXT;
ALTER TABLE decisions ADD COLUMN edits TEXT;
ALTER TABLE decisions ADD COLUMN confidence REAL;
ALTER TABLE decisions ADD COLUMN confidence_source TEXT;
ALTER TABLE decisions ADD COLUMN roles TEXT;
ALTER TABLE decisions ADD COLUMN claims TEXT;
ALTER TABLE decisions ADD COLUMN rule TEXT;
ALTER TABLE decisions ADD COLUMN graph TEXT;
ALTER TABLE decisions ADD COLUMN gate TEXT;
ALTER TABLE decisions ADD COLUMN payload BLOB;
ALTER TABLE decisions ADD COLUMN secret BLOB;
ALTER TABLE decisions ADD COLUMN opening TEXT;
ALTER TABLE decisions ADD COLUMN seal TEXT;
CREATE INDEX decisions_of_gate ON decisions (graph, gate, seq);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    "by" TEXT NOT NULL,
    at REAL NOT NULL,
    thread_id TEXT,
    interrupt_id TEXT,
    content TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE TABLE rules (
    id TEXT PRIMARY KEY,
    graph TEXT NOT NULL,
    gate TEXT NOT NULL,
    conditions TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT,
    words TEXT,
    "by" TEXT NOT NULL,
    roles TEXT NOT NULL,
    made_at REAL NOT NULL,
    cap INTEGER,
    until REAL,
    uses INTEGER NOT NULL DEFAULT 0,
    seen_at REAL NOT NULL DEFAULT 0,
    revoked_at REAL,
    revoked_by TEXT
);
CREATE INDEX reviews_of_gate ON reviews (graph, gate, asked_at) WHERE status = 'pending';
CREATE TABLE seeds (
    thread_id TEXT NOT NULL,
    interrupt_id TEXT NOT NULL,
    action TEXT NOT NULL,
    value TEXT,
    "by" TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (thread_id, interrupt_id)
) WITHOUT ROWID;
"""

NEWS = """
CREATE TABLE news (
    thread_id TEXT NOT NULL,
    place TEXT NOT NULL,
    at REAL NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (thread_id, place)
) WITHOUT ROWID;
"""
"""The newest news of each fan-out of a run, by the checkpoint namespace that it runs in."""

INBOX = """
CREATE TABLE views (
    "by" TEXT NOT NULL,
    name TEXT NOT NULL,
    wanted TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY ("by", name)
) WITHOUT ROWID;
CREATE INDEX reviews_by_due ON reviews (ifnull(due, 9e999), asked_at, seq) WHERE status = 'pending';
CREATE INDEX reviews_by_age ON reviews (asked_at, seq) WHERE status = 'pending';
CREATE INDEX reviews_by_assign ON reviews (graph, assign) WHERE status = 'pending';
CREATE INDEX events_of_review ON events (thread_id, interrupt_id) WHERE interrupt_id IS NOT NULL;
"""

AFTERWARDS = """
ALTER TABLE reviews ADD COLUMN holds INTEGER NOT NULL DEFAULT 1;
CREATE INDEX reviews_overtaken ON reviews (thread_id) WHERE status = 'closed' AND problem IS NOT NULL;
"""

STORED = """
ALTER TABLE reviews ADD COLUMN rests TEXT;
UPDATE reviews SET status = 'closed', closed_at = asked_at, rests = json_object(ns, checkpoint_id)
WHERE status = 'pending' AND holds AND EXISTS (
    SELECT 1 FROM spaces s JOIN checkpoints c ON c.space = s.key
    WHERE s.thread_id = reviews.thread_id AND s.ns = reviews.ns AND c.id = reviews.checkpoint_id AND c.body IS NULL
);
"""
"""Questions of steps that are not stored yet; see treadle/checkpoints/desks/confirmations.py."""

SEARCH = """
CREATE TRIGGER reviews_ai AFTER INSERT ON reviews BEGIN
    INSERT INTO reviews_fts (rowid, title, why, text) VALUES (new.seq, new.title, new.why, new.text);
END;
CREATE TRIGGER reviews_ad AFTER DELETE ON reviews BEGIN
    INSERT INTO reviews_fts (reviews_fts, rowid, title, why, text)
    VALUES ('delete', old.seq, old.title, old.why, old.text);
END;
CREATE TRIGGER reviews_au AFTER UPDATE OF title, why, text ON reviews BEGIN
    INSERT INTO reviews_fts (reviews_fts, rowid, title, why, text)
    VALUES ('delete', old.seq, old.title, old.why, old.text);
    INSERT INTO reviews_fts (rowid, title, why, text) VALUES (new.seq, new.title, new.why, new.text);
END;
"""


def check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a file's tables (0: an empty file); a file that this treadle cannot use is refused in words."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if application == APPLICATION:
        if version > VERSION:
            raise StoreNewer(
                f"The database {path} was written by a later treadle (its tables are version {version}, this treadle "
                f"knows {VERSION}): upgrade treadle, or name another file."
            )
        return version
    if application or version or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        raise StoreCorrupt(f"The database {path} belongs to another program: name another file.")
    if path.exists() and 0 < path.stat().st_size < 512:  # SQLite takes such a file for an empty one
        raise StoreCorrupt(f"The file {path} is no database: name another file.")
    return 0


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a file's tables to this treadle's version; many processes may do so at once."""
    if check(connection, path) == VERSION:
        return
    if not connection.execute("PRAGMA page_count").fetchone()[0]:
        connection.execute(f"PRAGMA page_size={PAGE}")  # both have effect only before the first table
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    journal(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if check(connection, path) < VERSION:
            # Imported only here: sqlite-utils loads pandas where it finds it, which would double every start.
            from treadle.checkpoints.disks.migrations import migrate

            migrate(connection)
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise

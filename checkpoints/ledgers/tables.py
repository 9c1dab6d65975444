"""The tables of runs.

runs      the ledger: one row a thread
journal   results that steps remember
traces    what steps did: prompts, responses, tokens
news      the newest news of each fan-out of a run, by the checkpoint namespace that it runs in
cache     answers of steps, by namespace and key, each with its end
versions  the versions of graphs: fingerprint, name, what the fingerprint was made of
splits    which versions new runs take, by weight; the newest row of a graph holds
changes   pairs of versions that are declared compatible
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

BEGINNINGS = """
ALTER TABLE runs ADD COLUMN began_at REAL;
ALTER TABLE runs ADD COLUMN began_after INTEGER;
"""
"""When a process went on with the run, and which row of `writes` was the newest then."""

NEWS = """
CREATE TABLE news (
    thread_id TEXT NOT NULL,
    place TEXT NOT NULL,
    at REAL NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (thread_id, place)
) WITHOUT ROWID;
"""

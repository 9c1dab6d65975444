"""The tables of state.

    spaces       one row a thread and checkpoint namespace; its key stands for both elsewhere (``home``: the key of the
                 thread's first; keys are never used again, so what a process remembers by key cannot deceive it)
    checkpoints  one row a checkpoint, as what differs from an earlier one (``base``); no ``body`` while only writes of
                 it are known; see treadle/checkpoints/layouts/bodies.py
    blobs        each large or growing value once a thread; see treadle/checkpoints/layouts/values.py
    writes       what tasks wrote before their step ended; see treadle/checkpoints/layouts/writes.py

``refs`` are the ids of values (rows of ``blobs``) that a row points to or rests on.
"""

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

RECENT = """
CREATE INDEX checkpoints_recent ON checkpoints (substr(id, 1, 11));
"""
"""Finds the newest checkpoints of all threads; see ``page`` in treadle/checkpoints/layouts/states.py."""

MOMENTS = """
DROP INDEX checkpoints_recent;
CREATE INDEX checkpoints_recent ON checkpoints (substr(id, 1, 13));
"""
"""The same, by half a millisecond instead of a tenth of a second, which hundreds share where many runs go on."""

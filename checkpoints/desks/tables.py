"""The tables of the desk.

    claims     who has a question before them, and until when
    deadlines  what is to happen to a question, and when: ``warn``, ``escalate 0`` and on, ``due``
    channels   where notices go: kept, so that every process knows that somebody is to be told
    outbox     notices on their way, a row for each channel, written in the transaction of what they tell

``decisions`` gets ``kind``: ``vote`` for a vote, empty for a decision.
``reviews`` gets: ``since`` (the record's number when it was asked: votes after that count), ``veiled`` (votes are
hidden), ``escalations`` (how many steps of the chain were taken), ``held_until`` (a decision can be taken back until
then), ``taken_at`` (the run has gone on with the answer; only where it could have been taken back).
"""

DESK = """
ALTER TABLE decisions ADD COLUMN kind TEXT;
ALTER TABLE reviews ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reviews ADD COLUMN veiled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reviews ADD COLUMN escalations INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reviews ADD COLUMN held_until REAL;
ALTER TABLE reviews ADD COLUMN taken_at REAL;
CREATE TABLE claims (
    thread_id TEXT NOT NULL,
    interrupt_id TEXT NOT NULL,
    "by" TEXT NOT NULL,
    at REAL NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (thread_id, interrupt_id)
) WITHOUT ROWID;
CREATE TABLE deadlines (
    thread_id TEXT NOT NULL,
    interrupt_id TEXT NOT NULL,
    step TEXT NOT NULL,
    at REAL NOT NULL,
    enacted_at REAL,
    PRIMARY KEY (thread_id, interrupt_id, step)
) WITHOUT ROWID;
CREATE INDEX deadlines_to_come ON deadlines (at) WHERE enacted_at IS NULL;
CREATE TABLE channels (
    name TEXT PRIMARY KEY,
    since REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    event TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    interrupt_id TEXT NOT NULL,
    at REAL NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL,
    error TEXT,
    dead_at REAL
);
CREATE INDEX outbox_to_send ON outbox (channel, next_at) WHERE dead_at IS NULL;
"""

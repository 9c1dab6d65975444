"""The tables of the desk.

    reviews    the queue: every interrupt; ``waits`` says which tasks, from the innermost outwards, wait for it
    decisions  what was decided: append-only, each row carrying the hash of the one before
    events     what else was done to the record: rules made, parts removed; chained in the same way
    rules      standing rules, and how often each was used
    seeds      questions whose right answer is known
    views      what reviewers filter the queue for, under a name
    claims     who has a question before them, and until when
    deadlines  what is to happen to a question, and when: ``warn``, ``escalate 0`` and on, ``due``
    channels   where notices go: kept, so that every process knows that somebody is to be told
    outbox     notices on their way, a row for each channel, written in the transaction of what they tell

``decisions`` gets ``kind``: ``vote`` for a vote, empty for a decision; and ``length``: the words of the question, where
it is known how long it was in view.
``reviews`` gets: ``since`` (the record's number when it was asked: votes after that count), ``veiled`` (votes are
hidden), ``escalations`` (how many steps of the chain were taken), ``held_until`` (a decision can be taken back until
then), ``taken_at`` (the run has gone on with the answer; only where it could have been taken back).
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

TOGETHER = """
ALTER TABLE reviews ADD COLUMN together TEXT;
ALTER TABLE runs ADD COLUMN gather_until REAL;
ALTER TABLE runs ADD COLUMN quiet_at REAL;
"""
"""Answers that a run takes over together; see treadle/checkpoints/desks/gatherings.py."""

WAITING = """
CREATE INDEX reviews_of_thread ON reviews (thread_id, holds) WHERE status = 'pending';
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

LENGTHS = "ALTER TABLE decisions ADD COLUMN length INTEGER;"

-- All tables of version 15, as the migrations make them of an empty file: a new file is made by this at once.
-- Written by `python tests/tables.py`. An empty line stands between two statements, and nowhere else.

PRAGMA application_id=1414677580;

PRAGMA user_version=15;

CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);

CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");

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
    body BLOB, base INTEGER, ordinal INTEGER NOT NULL DEFAULT 0, refs BLOB,
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
, refs BLOB);

CREATE UNIQUE INDEX blobs_of_thread ON blobs (home, digest);

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
    closed_at REAL, fingerprint TEXT, since INTEGER NOT NULL DEFAULT 0, veiled INTEGER NOT NULL DEFAULT 0, escalations INTEGER NOT NULL DEFAULT 0, held_until REAL, taken_at REAL, holds INTEGER NOT NULL DEFAULT 1, rests TEXT, together TEXT,
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
, reasons TEXT, labels TEXT, edits TEXT, confidence REAL, confidence_source TEXT, roles TEXT, claims TEXT, rule TEXT, graph TEXT, gate TEXT, payload BLOB, secret BLOB, opening TEXT, seal TEXT, kind TEXT, length INTEGER);

CREATE INDEX decisions_of_interrupt ON decisions (thread_id, interrupt_id);

CREATE INDEX decisions_to_apply ON decisions (thread_id) WHERE applied_at IS NULL;

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
, gather_until REAL, quiet_at REAL, began_at REAL, began_after INTEGER);

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

CREATE VIRTUAL TABLE "reviews_fts" USING FTS5 (
    "title", "why", "text",
    tokenize='unicode61 remove_diacritics 2',
    content="reviews"
);

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

CREATE INDEX runs_by_version ON runs (graph, fingerprint);

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

CREATE TABLE writes (
    key INTEGER PRIMARY KEY,
    checkpoint INTEGER NOT NULL,
    task_id TEXT,
    refs BLOB,
    codec INTEGER NOT NULL,
    body BLOB NOT NULL
);

CREATE INDEX writes_of_checkpoint ON writes (checkpoint, task_id);

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

CREATE TABLE news (
    thread_id TEXT NOT NULL,
    place TEXT NOT NULL,
    at REAL NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (thread_id, place)
) WITHOUT ROWID;

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

CREATE INDEX reviews_overtaken ON reviews (thread_id) WHERE status = 'closed' AND problem IS NOT NULL;

CREATE INDEX reviews_of_thread ON reviews (thread_id, holds) WHERE status = 'pending';

CREATE INDEX checkpoints_recent ON checkpoints (substr(id, 1, 13));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'first_tables', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'versions_and_cache', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'lessons', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'bodies_and_writes', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'desk', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'news_of_fan_outs', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'views_of_the_queue', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'afterwards', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'stored_questions', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'recent_checkpoints', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'gathered_answers', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'lengths_of_questions', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'waiting_questions_of_a_run', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'moments_of_checkpoints', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('treadle', 'beginnings_of_runs', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'));

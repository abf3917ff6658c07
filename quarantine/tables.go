package quarantine

// migrations are the tables, in SQLite's dialect; the queries elsewhere in the package
// keep to what PostgreSQL has too. Times are microseconds since the epoch, 0 for none.
//
// quarantine_entries is kept narrow, for it is read by lists and rewritten by jobs;
// payloads have a table of their own. An index on one column is in the order of seq
// within a value, because SQLite appends the row's number to each index.
var migrations = []string{`
CREATE TABLE quarantine_entries (
	seq            INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of storing; never used twice
	id             TEXT NOT NULL,
	stream         TEXT NOT NULL,
	status         TEXT NOT NULL,
	grp            TEXT NOT NULL,
	received       INTEGER NOT NULL,
	event_id       TEXT NOT NULL,
	event_key      TEXT NOT NULL,
	event_time     INTEGER NOT NULL,
	stream_version INTEGER NOT NULL,
	schema_subject TEXT NOT NULL,
	schema_version INTEGER NOT NULL,
	ruleset        INTEGER NOT NULL,
	reasons        TEXT NOT NULL,             -- JSON, '' for none
	more           INTEGER NOT NULL,
	warnings       TEXT NOT NULL,             -- JSON, '' for none
	content_type   TEXT NOT NULL,
	headers        TEXT NOT NULL,             -- JSON, '' for none
	source_kind    TEXT NOT NULL,
	source_name    TEXT NOT NULL,
	source_part    INTEGER NOT NULL,
	source_offset  INTEGER NOT NULL,
	source_unique  TEXT,
	size           INTEGER NOT NULL,          -- of the payload, decoded
	attempts       INTEGER NOT NULL DEFAULT 0,
	released_at    INTEGER NOT NULL DEFAULT 0,
	discarded_at   INTEGER NOT NULL DEFAULT 0,
	job            TEXT NOT NULL DEFAULT '',
	release_batch  TEXT,                      -- the claim; kept after the release
	release        TEXT NOT NULL DEFAULT ''   -- JSON: the verdict that goes on the released record
);
CREATE UNIQUE INDEX quarantine_entries_id ON quarantine_entries (id);
CREATE UNIQUE INDEX quarantine_entries_unique ON quarantine_entries (stream, source_unique) WHERE source_unique IS NOT NULL;
CREATE INDEX quarantine_entries_stream ON quarantine_entries (stream);
CREATE INDEX quarantine_entries_grp ON quarantine_entries (grp);
CREATE INDEX quarantine_entries_batch ON quarantine_entries (release_batch) WHERE release_batch IS NOT NULL;

CREATE TABLE quarantine_payloads (
	seq     INTEGER PRIMARY KEY,
	codec   INTEGER NOT NULL,                 -- 0: as it is; 1: zstd
	payload BLOB NOT NULL
);

-- The distinct codes and rules of each entry, for filters.
CREATE TABLE quarantine_reasons (
	seq  INTEGER NOT NULL,
	code TEXT NOT NULL,
	rule TEXT NOT NULL,                       -- '' for none
	PRIMARY KEY (seq, code, rule)
) WITHOUT ROWID;
CREATE INDEX quarantine_reasons_code ON quarantine_reasons (code, seq);
CREATE INDEX quarantine_reasons_rule ON quarantine_reasons (rule, seq) WHERE rule <> '';

CREATE TABLE quarantine_groups (
	seq         INTEGER PRIMARY KEY AUTOINCREMENT,
	fingerprint TEXT NOT NULL UNIQUE,
	stream      TEXT NOT NULL,
	quarantined INTEGER NOT NULL,
	released    INTEGER NOT NULL,
	discarded   INTEGER NOT NULL,
	first_seen  INTEGER NOT NULL,
	last_seen   INTEGER NOT NULL,
	message     TEXT NOT NULL,
	sample      TEXT NOT NULL                 -- id of an entry
);
CREATE INDEX quarantine_groups_stream ON quarantine_groups (stream);

CREATE TABLE quarantine_group_reasons (
	grp  TEXT NOT NULL,
	code TEXT NOT NULL,
	rule TEXT NOT NULL,
	path TEXT NOT NULL,                       -- array indices as *
	PRIMARY KEY (grp, code, rule, path)
) WITHOUT ROWID;
`, `
CREATE TABLE quarantine_jobs (
	seq         INTEGER PRIMARY KEY AUTOINCREMENT,
	id          TEXT NOT NULL UNIQUE,
	filter      TEXT NOT NULL,                -- JSON
	dry_run     INTEGER NOT NULL,
	concurrency INTEGER NOT NULL,
	state       TEXT NOT NULL,
	error       TEXT NOT NULL DEFAULT '',
	max_seq     INTEGER NOT NULL,             -- entries after this one are not part of the job
	cursor_seq  INTEGER NOT NULL DEFAULT 0,   -- entries up to this one have their outcome
	matched     INTEGER NOT NULL,
	examined    INTEGER NOT NULL DEFAULT 0,
	passed      INTEGER NOT NULL DEFAULT 0,
	failed      INTEGER NOT NULL DEFAULT 0,
	released    INTEGER NOT NULL DEFAULT 0,
	skipped     TEXT NOT NULL DEFAULT '',     -- JSON: number by why
	codes       TEXT NOT NULL DEFAULT '',     -- JSON: number of failing entries by code
	groups      TEXT NOT NULL DEFAULT '',     -- JSON: a dry run's result by group
	more_groups INTEGER NOT NULL DEFAULT 0,
	created     INTEGER NOT NULL,
	started     INTEGER NOT NULL DEFAULT 0,
	updated     INTEGER NOT NULL,
	finished    INTEGER NOT NULL DEFAULT 0,
	active      INTEGER NOT NULL DEFAULT 0    -- microseconds spent on pages of entries
);
CREATE INDEX quarantine_jobs_state ON quarantine_jobs (state);

CREATE TABLE quarantine_batches (
	id      TEXT NOT NULL PRIMARY KEY,
	job     TEXT NOT NULL,
	stream  TEXT NOT NULL,
	created INTEGER NOT NULL,                 -- the released_at of its records
	done    INTEGER NOT NULL DEFAULT 0        -- 0 while the batch is open
);
CREATE INDEX quarantine_batches_open ON quarantine_batches (created) WHERE done = 0;
`, `
ALTER TABLE quarantine_entries ADD COLUMN record_key BLOB;                       -- of the Kafka record; NULL for none
ALTER TABLE quarantine_entries ADD COLUMN record_time INTEGER NOT NULL DEFAULT 0; -- microseconds
`}

BEGIN TRANSACTION;
CREATE VIRTUAL TABLE archived_words USING fts5(words, content='archived', content_rowid='id', tokenize='ascii', prefix='3 4', detail='none');
CREATE TABLE accounts (
	id INTEGER NOT NULL, 
	address_key TEXT NOT NULL, 
	address TEXT NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	password TEXT, 
	created_at DATETIME NOT NULL, 
	disabled_at DATETIME, totp_salt VARCHAR(32), totp_since DATETIME, totp_step INTEGER, 
	CONSTRAINT pk_accounts PRIMARY KEY (id), 
	CONSTRAINT uq_accounts_address_key UNIQUE (address_key)
);
INSERT INTO "accounts" VALUES(1,'address_key – “ü”','address – “ü”','role – “ü”','password – “ü”','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','totp_salt – “ü”','2023-09-22 10:00:00.000000',1);
CREATE TABLE api_tokens (
	id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	secret_hash VARCHAR(64) NOT NULL, 
	scopes JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	used_at DATETIME, 
	revoked_at DATETIME, 
	CONSTRAINT pk_api_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_api_tokens_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE, 
	CONSTRAINT uq_api_tokens_secret_hash UNIQUE (secret_hash)
);
INSERT INTO "api_tokens" VALUES(1,1,'name – “ü”','secret_hash – “ü”','[]','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000');
CREATE TABLE archived (
	id INTEGER NOT NULL, 
	publication_id INTEGER, 
	issue_id INTEGER, 
	dated DATETIME NOT NULL, 
	words TEXT NOT NULL, 
	CONSTRAINT pk_archived PRIMARY KEY (id), 
	CONSTRAINT fk_archived_issue_id FOREIGN KEY(issue_id) REFERENCES issues (id), 
	CONSTRAINT fk_archived_publication_id FOREIGN KEY(publication_id) REFERENCES publications (id) ON DELETE CASCADE, 
	CONSTRAINT uq_archived_issue_id UNIQUE (issue_id), 
	CONSTRAINT uq_archived_publication_id UNIQUE (publication_id)
);
INSERT INTO "archived" VALUES(1,1,1,'2023-09-22 10:00:00.000000','words – “ü”');
CREATE TABLE archived_topics (
	topic VARCHAR(80) NOT NULL, 
	archived_id INTEGER NOT NULL, 
	dated DATETIME NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_archived_topics PRIMARY KEY (topic, archived_id), 
	CONSTRAINT fk_archived_topics_archived_id FOREIGN KEY(archived_id) REFERENCES archived (id) ON DELETE CASCADE
);
INSERT INTO "archived_topics" VALUES('topic – “ü”',1,'2023-09-22 10:00:00.000000','name – “ü”');
CREATE TABLE blocks (
	id INTEGER NOT NULL, 
	newsletter VARCHAR(64) NOT NULL, 
	"key" VARCHAR(64) NOT NULL, 
	version INTEGER NOT NULL, 
	said JSON, 
	written_at DATETIME NOT NULL, 
	written_by TEXT NOT NULL, 
	CONSTRAINT pk_blocks PRIMARY KEY (id), 
	CONSTRAINT uq_blocks_newsletter_key_version UNIQUE (newsletter, "key", version)
);
INSERT INTO "blocks" VALUES(1,'newsletter – “ü”','key – “ü”',1,'[]','2023-09-22 10:00:00.000000','written_by – “ü”');
CREATE TABLE bounces (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	place INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	subscriber_id INTEGER, 
	issue_id INTEGER, 
	verdict VARCHAR(16) NOT NULL, 
	said TEXT NOT NULL, 
	address TEXT, 
	outcome VARCHAR(16) NOT NULL, 
	done_at DATETIME, 
	CONSTRAINT pk_bounces PRIMARY KEY (id), 
	CONSTRAINT fk_bounces_issue_id FOREIGN KEY(issue_id) REFERENCES issues (id), 
	CONSTRAINT fk_bounces_subscriber_id FOREIGN KEY(subscriber_id) REFERENCES subscribers (id), 
	CONSTRAINT uq_bounces_key_place UNIQUE ("key", place)
);
INSERT INTO "bounces" VALUES(1,'key – “ü”',1,'2023-09-22 10:00:00.000000','kind – “ü”',1,1,'verdict – “ü”','said – “ü”','address – “ü”','outcome – “ü”','2023-09-22 10:00:00.000000');
CREATE TABLE consents (
	id INTEGER NOT NULL, 
	subscription_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	what VARCHAR(16) NOT NULL, 
	source TEXT NOT NULL, 
	proof JSON NOT NULL, 
	CONSTRAINT pk_consents PRIMARY KEY (id), 
	CONSTRAINT fk_consents_subscription_id FOREIGN KEY(subscription_id) REFERENCES subscriptions (id)
);
INSERT INTO "consents" VALUES(1,1,'2023-09-22 10:00:00.000000','what – “ü”','source – “ü”','[]');
CREATE TABLE corrections (
	issue_id INTEGER NOT NULL, 
	corrects INTEGER NOT NULL, 
	note TEXT NOT NULL, 
	mails BOOLEAN NOT NULL, 
	opened_by TEXT NOT NULL, 
	opened_at DATETIME NOT NULL, 
	edition_id INTEGER, 
	CONSTRAINT pk_corrections PRIMARY KEY (issue_id), 
	CONSTRAINT fk_corrections_corrects FOREIGN KEY(corrects) REFERENCES issues (id), 
	CONSTRAINT fk_corrections_edition_id FOREIGN KEY(edition_id) REFERENCES editions (id), 
	CONSTRAINT fk_corrections_issue_id FOREIGN KEY(issue_id) REFERENCES issues (id)
);
INSERT INTO "corrections" VALUES(1,1,'note – “ü”',1,'opened_by – “ü”','2023-09-22 10:00:00.000000',1);
CREATE TABLE counted_links (
	edition_id INTEGER NOT NULL, 
	place INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	followed INTEGER NOT NULL, 
	CONSTRAINT pk_counted_links PRIMARY KEY (edition_id, place), 
	CONSTRAINT fk_counted_links_edition_id FOREIGN KEY(edition_id) REFERENCES editions (id)
);
INSERT INTO "counted_links" VALUES(1,1,'url – “ü”',1);
CREATE TABLE decisions (
	newsletter VARCHAR(64) NOT NULL, 
	"key" TEXT NOT NULL, 
	change VARCHAR(32) NOT NULL, 
	about TEXT NOT NULL, 
	accepted BOOLEAN NOT NULL, 
	sentence TEXT NOT NULL, 
	decided_by TEXT NOT NULL, 
	decided_at DATETIME NOT NULL, 
	CONSTRAINT pk_decisions PRIMARY KEY (newsletter, "key")
);
INSERT INTO "decisions" VALUES('newsletter – “ü”','key – “ü”','change – “ü”','about – “ü”',1,'sentence – “ü”','decided_by – “ü”','2023-09-22 10:00:00.000000');
CREATE TABLE "deliveries" (
	issue_id INTEGER NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	edition_id INTEGER NOT NULL, 
	variant_id INTEGER NOT NULL, 
	address TEXT, 
	state VARCHAR(12) NOT NULL, 
	reason VARCHAR(16), 
	due_at DATETIME NOT NULL, 
	claim VARCHAR(36), 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	answer TEXT DEFAULT ('') NOT NULL, 
	changed_at DATETIME, 
	CONSTRAINT pk_deliveries PRIMARY KEY (issue_id, subscriber_id), 
	CONSTRAINT fk_deliveries_issue_id FOREIGN KEY(issue_id) REFERENCES issues (id)
);
INSERT INTO "deliveries" VALUES(1,1,1,1,'address – “ü”','state – “ü”','reason – “ü”','2023-09-22 10:00:00.000000','claim – “ü”',1,'answer – “ü”','2023-09-22 10:00:00.000000');
CREATE TABLE distinctions (
	first_id INTEGER NOT NULL, 
	second_id INTEGER NOT NULL, 
	said_at DATETIME NOT NULL, 
	said_by TEXT NOT NULL, 
	CONSTRAINT pk_distinctions PRIMARY KEY (first_id, second_id), 
	CONSTRAINT fk_distinctions_first_id FOREIGN KEY(first_id) REFERENCES publications (id) ON DELETE CASCADE, 
	CONSTRAINT fk_distinctions_second_id FOREIGN KEY(second_id) REFERENCES publications (id) ON DELETE CASCADE
);
INSERT INTO "distinctions" VALUES(1,1,'2023-09-22 10:00:00.000000','said_by – “ü”');
CREATE TABLE editions (
	id INTEGER NOT NULL, 
	issue_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	subject TEXT NOT NULL, 
	html TEXT NOT NULL, 
	text TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	notes JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_editions PRIMARY KEY (id), 
	CONSTRAINT fk_editions_issue_id FOREIGN KEY(issue_id) REFERENCES issues (id), 
	CONSTRAINT uq_editions_issue_id_number UNIQUE (issue_id, number)
);
INSERT INTO "editions" VALUES(1,1,1,'subject – “ü”','html – “ü”','text – “ü”','digest – “ü”','[]','2023-09-22 10:00:00.000000');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	actor TEXT NOT NULL, 
	issue_id INTEGER, 
	what VARCHAR(32) NOT NULL, 
	detail JSON NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_issue_id FOREIGN KEY(issue_id) REFERENCES issues (id)
);
INSERT INTO "events" VALUES(1,'2023-09-22 10:00:00.000000','actor – “ü”',1,'what – “ü”','[]');
CREATE TABLE feeds (
	id INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	settings JSON NOT NULL, 
	title TEXT DEFAULT '' NOT NULL, 
	moved_to TEXT, 
	enabled BOOLEAN NOT NULL, 
	origin VARCHAR(16) NOT NULL, 
	baseline_at DATETIME, 
	etag TEXT, 
	last_modified TEXT, 
	body_hash VARCHAR(64), 
	next_fetch_at DATETIME, 
	fetched_at DATETIME, 
	succeeded_at DATETIME, 
	failures INTEGER DEFAULT '0' NOT NULL, 
	error TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_feeds PRIMARY KEY (id), 
	CONSTRAINT uq_feeds_url UNIQUE (url)
);
INSERT INTO "feeds" VALUES(1,'url – “ü”','[]','title – “ü”','moved_to – “ü”',1,'origin – “ü”','2023-09-22 10:00:00.000000','etag – “ü”','last_modified – “ü”','body_hash – “ü”','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000',1,'error – “ü”');
CREATE TABLE guesses (
	whose VARCHAR(64) NOT NULL, 
	failures INTEGER NOT NULL, 
	until DATETIME NOT NULL, 
	last_at DATETIME NOT NULL, 
	CONSTRAINT pk_guesses PRIMARY KEY (whose)
);
INSERT INTO "guesses" VALUES('whose – “ü”',1,'2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000');
CREATE TABLE happenings (
	id INTEGER NOT NULL, 
	"key" VARCHAR(36) NOT NULL, 
	at DATETIME NOT NULL, 
	what VARCHAR(16) NOT NULL, 
	newsletter VARCHAR(64) NOT NULL, 
	subscriber_id INTEGER, 
	issue_id INTEGER, 
	detail JSON NOT NULL, 
	told BOOLEAN NOT NULL, 
	CONSTRAINT pk_happenings PRIMARY KEY (id), 
	CONSTRAINT uq_happenings_key UNIQUE ("key")
);
INSERT INTO "happenings" VALUES(1,'key – “ü”','2023-09-22 10:00:00.000000','what – “ü”','newsletter – “ü”',1,1,'[]',1);
CREATE TABLE hook_calls (
	id INTEGER NOT NULL, 
	happening_id INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	due_at DATETIME NOT NULL, 
	claimed_until DATETIME, 
	attempts INTEGER NOT NULL, 
	answer TEXT NOT NULL, 
	CONSTRAINT pk_hook_calls PRIMARY KEY (id), 
	CONSTRAINT fk_hook_calls_happening_id FOREIGN KEY(happening_id) REFERENCES happenings (id), 
	CONSTRAINT uq_hook_calls_happening_id_url UNIQUE (happening_id, url)
);
INSERT INTO "hook_calls" VALUES(1,1,'url – “ü”','state – “ü”','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000',1,'answer – “ü”');
CREATE TABLE imports (
	id INTEGER NOT NULL, 
	newsletter VARCHAR(64) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	files JSON NOT NULL, 
	source TEXT NOT NULL, 
	started_at DATETIME NOT NULL, 
	done INTEGER NOT NULL, 
	counts JSON NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_imports PRIMARY KEY (id)
);
INSERT INTO "imports" VALUES(1,'newsletter – “ü”','fingerprint – “ü”','[]','source – “ü”','2023-09-22 10:00:00.000000',1,'[]','2023-09-22 10:00:00.000000');
CREATE TABLE installation (
	name VARCHAR(32) NOT NULL, 
	value BLOB NOT NULL, 
	CONSTRAINT pk_installation PRIMARY KEY (name)
);
INSERT INTO "installation" VALUES('name – “ü”',X'006B6579');
CREATE TABLE issues (
	id INTEGER NOT NULL, 
	newsletter VARCHAR(64) NOT NULL, 
	rhythm VARCHAR(16) NOT NULL, 
	"key" VARCHAR(64) NOT NULL, 
	number INTEGER, 
	window_start DATETIME NOT NULL, 
	window_end DATETIME NOT NULL, 
	sends_at DATETIME NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	version INTEGER NOT NULL, 
	reasons JSON NOT NULL, 
	recap JSON, 
	candidates JSON, 
	edits JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	approved_at DATETIME, 
	approved_by TEXT, 
	frozen_at DATETIME, 
	frozen INTEGER, 
	excluded JSON, 
	finished_at DATETIME, outcome JSON, subject TEXT DEFAULT '' NOT NULL, unedited JSON, unworded JSON, 
	CONSTRAINT pk_issues PRIMARY KEY (id), 
	CONSTRAINT uq_issues_newsletter_rhythm_key UNIQUE (newsletter, rhythm, "key")
);
INSERT INTO "issues" VALUES(1,'newsletter – “ü”','rhythm – “ü”','key – “ü”',1,'2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','state – “ü”',1,'[]','[]','[]','[]','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','approved_by – “ü”','2023-09-22 10:00:00.000000',1,'[]','2023-09-22 10:00:00.000000','[]','subject – “ü”','[]','[]');
CREATE TABLE knocks (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	address_hash VARCHAR(64) NOT NULL, 
	domain TEXT NOT NULL, 
	prefix VARCHAR(64) NOT NULL, 
	mailed BOOLEAN NOT NULL, 
	answered BOOLEAN NOT NULL, 
	CONSTRAINT pk_knocks PRIMARY KEY (id)
);
INSERT INTO "knocks" VALUES(1,'2023-09-22 10:00:00.000000','address_hash – “ü”','domain – “ü”','prefix – “ü”',1,1);
CREATE TABLE leases (
	name TEXT NOT NULL, 
	holder VARCHAR(36) NOT NULL, 
	until DATETIME NOT NULL, 
	CONSTRAINT pk_leases PRIMARY KEY (name)
);
INSERT INTO "leases" VALUES('name – “ü”','holder – “ü”','2023-09-22 10:00:00.000000');
CREATE TABLE ledger_summaries (
	issue_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	figures JSON NOT NULL, 
	file TEXT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_ledger_summaries PRIMARY KEY (issue_id), 
	CONSTRAINT fk_ledger_summaries_issue_id FOREIGN KEY(issue_id) REFERENCES issues (id)
);
INSERT INTO "ledger_summaries" VALUES(1,'2023-09-22 10:00:00.000000','[]','file – “ü”','sha256 – “ü”');
CREATE TABLE mailboxes (
	place TEXT NOT NULL, 
	validity INTEGER NOT NULL, 
	last INTEGER NOT NULL, 
	read_at DATETIME NOT NULL, 
	CONSTRAINT pk_mailboxes PRIMARY KEY (place)
);
INSERT INTO "mailboxes" VALUES('place – “ü”',1,1,'2023-09-22 10:00:00.000000');
CREATE TABLE merges (
	publication_id INTEGER NOT NULL, 
	into_id INTEGER NOT NULL, 
	names JSON NOT NULL, 
	was_hidden BOOLEAN NOT NULL, 
	merged_at DATETIME NOT NULL, 
	merged_by TEXT NOT NULL, 
	CONSTRAINT pk_merges PRIMARY KEY (publication_id), 
	CONSTRAINT fk_merges_into_id FOREIGN KEY(into_id) REFERENCES publications (id) ON DELETE CASCADE, 
	CONSTRAINT fk_merges_publication_id FOREIGN KEY(publication_id) REFERENCES publications (id) ON DELETE CASCADE
);
INSERT INTO "merges" VALUES(1,1,'[]',1,'2023-09-22 10:00:00.000000','merged_by – “ü”');
CREATE TABLE newsletter_feeds (
	newsletter VARCHAR(64) NOT NULL, 
	feed_id INTEGER NOT NULL, 
	CONSTRAINT pk_newsletter_feeds PRIMARY KEY (newsletter, feed_id), 
	CONSTRAINT fk_newsletter_feeds_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id) ON DELETE CASCADE
);
INSERT INTO "newsletter_feeds" VALUES('newsletter – “ü”',1);
CREATE TABLE newsletters (
	"key" VARCHAR(64) NOT NULL, 
	started_at DATETIME NOT NULL, 
	CONSTRAINT pk_newsletters PRIMARY KEY ("key")
);
INSERT INTO "newsletters" VALUES('key – “ü”','2023-09-22 10:00:00.000000');
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	idempotency_key TEXT NOT NULL, 
	newsletter VARCHAR(64) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	address TEXT, 
	subject TEXT NOT NULL, 
	html TEXT NOT NULL, 
	text TEXT NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	due_at DATETIME NOT NULL, 
	claim VARCHAR(36), 
	claimed_until DATETIME, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	answer TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL, 
	changed_at DATETIME, picture BLOB, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT uq_outbox_idempotency_key UNIQUE (idempotency_key)
);
INSERT INTO "outbox" VALUES(1,'idempotency_key – “ü”','newsletter – “ü”','kind – “ü”','address – “ü”','subject – “ü”','html – “ü”','text – “ü”','state – “ü”','2023-09-22 10:00:00.000000','claim – “ü”','2023-09-22 10:00:00.000000',1,'answer – “ü”','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000',X'006B6579');
CREATE TABLE pictures (
	id INTEGER NOT NULL, 
	newsletter VARCHAR(64) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	alt TEXT NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	size INTEGER NOT NULL, 
	brought_at DATETIME NOT NULL, 
	brought_by TEXT NOT NULL, 
	put_away_at DATETIME, 
	CONSTRAINT pk_pictures PRIMARY KEY (id)
);
INSERT INTO "pictures" VALUES(1,'newsletter – “ü”','name – “ü”','alt – “ü”',1,1,1,'2023-09-22 10:00:00.000000','brought_by – “ü”','2023-09-22 10:00:00.000000');
CREATE TABLE publication_feeds (
	feed_id INTEGER NOT NULL, 
	guid TEXT NOT NULL, 
	publication_id INTEGER NOT NULL, 
	CONSTRAINT pk_publication_feeds PRIMARY KEY (feed_id, guid), 
	CONSTRAINT fk_publication_feeds_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id) ON DELETE CASCADE, 
	CONSTRAINT fk_publication_feeds_publication_id FOREIGN KEY(publication_id) REFERENCES publications (id) ON DELETE CASCADE
);
INSERT INTO "publication_feeds" VALUES(1,'guid – “ü”',1);
CREATE TABLE publications (
	id INTEGER NOT NULL, 
	link_key TEXT, 
	title_key TEXT NOT NULL, 
	title TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	topics JSON NOT NULL, 
	authors JSON NOT NULL, 
	link TEXT, 
	image JSON, 
	language VARCHAR(35), 
	starts_at DATETIME, 
	published_at DATETIME, 
	day_only BOOLEAN NOT NULL, 
	updated_at DATETIME, 
	first_seen_at DATETIME NOT NULL, 
	changed_at DATETIME, 
	hidden BOOLEAN DEFAULT '0' NOT NULL, 
	edited JSON NOT NULL, 
	feed_id INTEGER, title_made BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_publications PRIMARY KEY (id), 
	CONSTRAINT fk_publications_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id) ON DELETE SET NULL, 
	CONSTRAINT uq_publications_link_key UNIQUE (link_key)
);
INSERT INTO "publications" VALUES(1,'link_key – “ü”','title_key – “ü”','title – “ü”','summary – “ü”','kind – “ü”','[]','[]','link – “ü”','[]','language – “ü”','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000',1,'2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000',1,'[]',1,1);
CREATE TABLE recovery_codes (
	account_id INTEGER NOT NULL, 
	code_hash VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_recovery_codes PRIMARY KEY (account_id, code_hash), 
	CONSTRAINT fk_recovery_codes_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
INSERT INTO "recovery_codes" VALUES(1,'code_hash – “ü”');
CREATE TABLE refusals (
	id INTEGER NOT NULL, 
	feed_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	entry TEXT NOT NULL, 
	why TEXT NOT NULL, 
	CONSTRAINT pk_refusals PRIMARY KEY (id), 
	CONSTRAINT fk_refusals_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id) ON DELETE CASCADE
);
INSERT INTO "refusals" VALUES(1,1,'2023-09-22 10:00:00.000000','entry – “ü”','why – “ü”');
CREATE TABLE schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "schema_version" VALUES('0019');
CREATE TABLE senders (
	holder VARCHAR(36) NOT NULL, 
	issue_id INTEGER NOT NULL, 
	in_flight JSON NOT NULL, 
	until DATETIME NOT NULL, 
	CONSTRAINT pk_senders PRIMARY KEY (holder), 
	CONSTRAINT fk_senders_issue_id FOREIGN KEY(issue_id) REFERENCES issues (id)
);
INSERT INTO "senders" VALUES('holder – “ü”',1,'[]','2023-09-22 10:00:00.000000');
CREATE TABLE sessions (
	secret_hash VARCHAR(64) NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	account_id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	used_at DATETIME, device TEXT DEFAULT '' NOT NULL, seen_at DATETIME, renews BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (secret_hash), 
	CONSTRAINT fk_sessions_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
INSERT INTO "sessions" VALUES('secret_hash – “ü”','kind – “',1,'2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','device – “ü”','2023-09-22 10:00:00.000000',1);
CREATE TABLE skips (
	newsletter VARCHAR(64) NOT NULL, 
	day VARCHAR(10) NOT NULL, 
	reason TEXT NOT NULL, 
	decided_by TEXT NOT NULL, 
	decided_at DATETIME NOT NULL, 
	CONSTRAINT pk_skips PRIMARY KEY (newsletter, day)
);
INSERT INTO "skips" VALUES('newsletter – “ü”','day – “ü”','reason – “ü”','decided_by – “ü”','2023-09-22 10:00:00.000000');
CREATE TABLE subscribers (
	id INTEGER NOT NULL, 
	address TEXT, 
	address_key TEXT, 
	name TEXT DEFAULT '' NOT NULL, 
	language VARCHAR(35), 
	attributes JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	erased_at DATETIME, wanted_address TEXT, 
	CONSTRAINT pk_subscribers PRIMARY KEY (id), 
	CONSTRAINT uq_subscribers_address_key UNIQUE (address_key)
);
INSERT INTO "subscribers" VALUES(1,'address – “ü”','address_key – “ü”','name – “ü”','language – “ü”','[]','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','wanted_address – “ü”');
CREATE TABLE subscriptions (
	id INTEGER NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	newsletter VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	rhythm VARCHAR(16) NOT NULL, 
	topics JSON NOT NULL, 
	lists JSON NOT NULL, 
	source TEXT NOT NULL, 
	consented_at DATETIME, 
	confirmed_at DATETIME, 
	paused_until DATETIME, 
	left_at DATETIME, 
	left_reason TEXT DEFAULT '' NOT NULL, 
	changed_at DATETIME NOT NULL, format VARCHAR(8) DEFAULT 'html' NOT NULL, timezone VARCHAR(64), 
	CONSTRAINT pk_subscriptions PRIMARY KEY (id), 
	CONSTRAINT fk_subscriptions_subscriber_id FOREIGN KEY(subscriber_id) REFERENCES subscribers (id), 
	CONSTRAINT uq_subscriptions_subscriber_id_newsletter UNIQUE (subscriber_id, newsletter)
);
INSERT INTO "subscriptions" VALUES(1,1,'newsletter – “ü”','state – “ü”','rhythm – “ü”','[]','[]','source – “ü”','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','left_reason – “ü”','2023-09-22 10:00:00.000000','format –','timezone – “ü”');
CREATE TABLE suppressions (
	address_hash VARCHAR(64) NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	at DATETIME NOT NULL, 
	detail TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_suppressions PRIMARY KEY (address_hash)
);
INSERT INTO "suppressions" VALUES('address_hash – “ü”','reason – “ü”','2023-09-22 10:00:00.000000','detail – “ü”');
CREATE TABLE tasks (
	id INTEGER NOT NULL, 
	newsletter VARCHAR(64) NOT NULL, 
	issue_id INTEGER, 
	kind VARCHAR(16) NOT NULL, 
	asked JSON NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	done INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	said TEXT NOT NULL, 
	found JSON NOT NULL, 
	asked_by TEXT NOT NULL, 
	asked_at DATETIME NOT NULL, 
	heard_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_tasks PRIMARY KEY (id), 
	CONSTRAINT fk_tasks_issue_id FOREIGN KEY(issue_id) REFERENCES issues (id)
);
INSERT INTO "tasks" VALUES(1,'newsletter – “ü”',1,'kind – “ü”','[]','state – ',1,1,'said – “ü”','[]','asked_by – “ü”','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000','2023-09-22 10:00:00.000000');
CREATE TABLE ticks (
	name VARCHAR(32) NOT NULL, 
	at DATETIME NOT NULL, 
	error TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_ticks PRIMARY KEY (name)
);
INSERT INTO "ticks" VALUES('name – “ü”','2023-09-22 10:00:00.000000','error – “ü”');
CREATE TABLE turnover (
	id INTEGER NOT NULL, 
	newsletter VARCHAR(64) NOT NULL, 
	day VARCHAR(10) NOT NULL, 
	joined INTEGER NOT NULL, 
	"left" INTEGER NOT NULL, 
	CONSTRAINT pk_turnover PRIMARY KEY (id)
);
INSERT INTO "turnover" VALUES(1,'newsletter – “ü”','day – “ü”',1,1);
CREATE TABLE uploads (
	id INTEGER NOT NULL, 
	newsletter VARCHAR(64) NOT NULL, 
	at DATETIME NOT NULL, 
	"by" TEXT NOT NULL, 
	name TEXT NOT NULL, 
	source TEXT NOT NULL, 
	list TEXT NOT NULL, 
	attributes JSON NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	rows INTEGER NOT NULL, 
	compared JSON, 
	imported JSON, 
	error TEXT NOT NULL, 
	changed_at DATETIME NOT NULL, 
	CONSTRAINT pk_uploads PRIMARY KEY (id)
);
INSERT INTO "uploads" VALUES(1,'newsletter – “ü”','2023-09-22 10:00:00.000000','by – “ü”','name – “ü”','source – “ü”','list – “ü”','[]','state – “ü”',1,'[]','[]','error – “ü”','2023-09-22 10:00:00.000000');
CREATE TABLE uses (
	newsletter VARCHAR(64) NOT NULL, 
	rhythm VARCHAR(16) NOT NULL, 
	publication_id INTEGER NOT NULL, 
	issue_id INTEGER NOT NULL, 
	CONSTRAINT pk_uses PRIMARY KEY (newsletter, rhythm, publication_id), 
	CONSTRAINT fk_uses_issue_id FOREIGN KEY(issue_id) REFERENCES issues (id), 
	CONSTRAINT fk_uses_publication_id FOREIGN KEY(publication_id) REFERENCES publications (id)
);
INSERT INTO "uses" VALUES('newsletter – “ü”','rhythm – “ü”',1,1);
CREATE TABLE "variants" (
	id INTEGER NOT NULL, 
	edition_id INTEGER NOT NULL, 
	topics TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	headline TEXT NOT NULL, 
	lead TEXT NOT NULL, 
	preheader TEXT NOT NULL, 
	items JSON NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	format VARCHAR(8) DEFAULT 'html' NOT NULL, 
	html JSON, 
	text JSON, 
	CONSTRAINT pk_variants PRIMARY KEY (id), 
	CONSTRAINT fk_variants_edition_id FOREIGN KEY(edition_id) REFERENCES editions (id), 
	CONSTRAINT uq_variants_edition_id_topics_format UNIQUE (edition_id, topics, format)
);
INSERT INTO "variants" VALUES(1,1,'topics – “ü”','subject – “ü”','headline – “ü”','lead – “ü”','preheader – “ü”','[]','digest – “ü”','format –','[]','[]');
CREATE INDEX ix_issues_state ON issues (state);
CREATE INDEX ix_knocks_address_hash ON knocks (address_hash);
CREATE INDEX ix_knocks_at ON knocks (at);
CREATE INDEX ix_outbox_owed ON outbox (state, due_at);
CREATE INDEX ix_events_at ON events (at);
CREATE INDEX ix_events_issue_id ON events (issue_id);
CREATE INDEX ix_publications_dated ON publications (published_at);
CREATE INDEX ix_publications_first_seen_at ON publications (first_seen_at);
CREATE INDEX ix_publications_title_key ON publications (title_key);
CREATE INDEX ix_refusals_feed_id ON refusals (feed_id);
CREATE INDEX ix_subscriptions_audience ON subscriptions (newsletter, rhythm, state, subscriber_id);
CREATE INDEX ix_subscriptions_changed_at ON subscriptions (changed_at);
CREATE INDEX ix_consents_subscription_id ON consents (subscription_id);
CREATE INDEX ix_publication_feeds_publication_id ON publication_feeds (publication_id);
CREATE INDEX ix_uses_issue_id ON uses (issue_id);
CREATE INDEX ix_archived_dated ON archived (dated, id);
CREATE INDEX ix_archived_topics_archived_id ON archived_topics (archived_id);
CREATE INDEX ix_archived_topics_dated ON archived_topics (topic, dated, archived_id);
CREATE TRIGGER archived_words_added AFTER INSERT ON archived BEGIN INSERT INTO archived_words(rowid, words) VALUES (new.id, new.words); END;
CREATE TRIGGER archived_words_removed AFTER DELETE ON archived BEGIN INSERT INTO archived_words(archived_words, rowid, words) VALUES ('delete', old.id, old.words); END;
CREATE TRIGGER archived_words_changed AFTER UPDATE OF words ON archived BEGIN INSERT INTO archived_words(archived_words, rowid, words) VALUES ('delete', old.id, old.words); INSERT INTO archived_words(rowid, words) VALUES (new.id, new.words); END;
CREATE INDEX ix_senders_issue_id ON senders (issue_id);
CREATE INDEX ix_deliveries_owed ON deliveries (issue_id, state, due_at);
CREATE INDEX ix_bounces_issue_id ON bounces (issue_id);
CREATE INDEX ix_bounces_outcome ON bounces (outcome, done_at);
CREATE INDEX ix_bounces_subscriber_id ON bounces (subscriber_id);
CREATE INDEX ix_happenings_at ON happenings (at);
CREATE INDEX ix_happenings_told ON happenings (told);
CREATE INDEX ix_imports_fingerprint ON imports (fingerprint);
CREATE INDEX ix_hook_calls_owed ON hook_calls (state, due_at);
CREATE INDEX ix_editions_created_at ON editions (issue_id, created_at);
CREATE INDEX ix_uploads_newsletter ON uploads (newsletter);
CREATE INDEX ix_guesses_last_at ON guesses (last_at);
CREATE INDEX ix_api_tokens_account_id ON api_tokens (account_id);
CREATE INDEX ix_sessions_account_id ON sessions (account_id);
CREATE INDEX ix_subscriptions_timezone ON subscriptions (newsletter, rhythm, timezone) WHERE timezone IS NOT NULL;
CREATE INDEX ix_corrections_corrects ON corrections (corrects);
CREATE INDEX ix_pictures_newsletter ON pictures (newsletter, id);
CREATE INDEX ix_tasks_issue_id ON tasks (issue_id);
CREATE INDEX ix_tasks_newsletter ON tasks (newsletter, kind, id);
CREATE INDEX ix_merges_into_id ON merges (into_id);
CREATE INDEX ix_consents_left_at ON consents (at) WHERE what = 'left';
CREATE INDEX ix_issues_window_end ON issues (newsletter, window_end, id);
CREATE INDEX ix_publications_starts_at ON publications (starts_at) WHERE starts_at IS NOT NULL;
CREATE INDEX ix_subscriptions_topics ON subscriptions (newsletter, rhythm, state) WHERE CAST(topics AS TEXT) <> '[]';
CREATE INDEX ix_distinctions_second_id ON distinctions (second_id);
CREATE INDEX ix_turnover_day ON turnover (newsletter, day);
INSERT INTO archived_words(archived_words) VALUES('rebuild');
COMMIT;

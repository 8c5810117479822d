SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.accounts (
    id bigint NOT NULL,
    address_key text NOT NULL,
    address text NOT NULL,
    role character varying(16) NOT NULL,
    password text,
    created_at timestamp with time zone NOT NULL,
    disabled_at timestamp with time zone,
    totp_salt character varying(32),
    totp_since timestamp with time zone,
    totp_step bigint
);
CREATE SEQUENCE public.accounts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.accounts_id_seq OWNED BY public.accounts.id;
CREATE TABLE public.api_tokens (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    name text NOT NULL,
    secret_hash character varying(64) NOT NULL,
    scopes json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    used_at timestamp with time zone,
    revoked_at timestamp with time zone
);
CREATE SEQUENCE public.api_tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.api_tokens_id_seq OWNED BY public.api_tokens.id;
CREATE TABLE public.archived (
    id bigint NOT NULL,
    publication_id bigint,
    issue_id bigint,
    dated timestamp with time zone NOT NULL,
    words text NOT NULL
);
CREATE SEQUENCE public.archived_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.archived_id_seq OWNED BY public.archived.id;
CREATE TABLE public.archived_topics (
    topic character varying(80) NOT NULL,
    archived_id bigint NOT NULL,
    dated timestamp with time zone NOT NULL,
    name text NOT NULL
);
CREATE TABLE public.blocks (
    id bigint NOT NULL,
    newsletter character varying(64) NOT NULL,
    key character varying(64) NOT NULL,
    version integer NOT NULL,
    said json,
    written_at timestamp with time zone NOT NULL,
    written_by text NOT NULL
);
CREATE SEQUENCE public.blocks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.blocks_id_seq OWNED BY public.blocks.id;
CREATE TABLE public.bounces (
    id bigint NOT NULL,
    key text NOT NULL,
    place integer NOT NULL,
    at timestamp with time zone NOT NULL,
    kind character varying(16) NOT NULL,
    subscriber_id bigint,
    issue_id bigint,
    verdict character varying(16) NOT NULL,
    said text NOT NULL,
    address text,
    outcome character varying(16) NOT NULL,
    done_at timestamp with time zone
);
CREATE SEQUENCE public.bounces_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.bounces_id_seq OWNED BY public.bounces.id;
CREATE TABLE public.consents (
    id bigint NOT NULL,
    subscription_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    what character varying(16) NOT NULL,
    source text NOT NULL,
    proof json NOT NULL
);
CREATE SEQUENCE public.consents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.consents_id_seq OWNED BY public.consents.id;
CREATE TABLE public.corrections (
    issue_id bigint NOT NULL,
    corrects bigint NOT NULL,
    note text NOT NULL,
    mails boolean NOT NULL,
    opened_by text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    edition_id bigint
);
CREATE TABLE public.counted_links (
    edition_id bigint NOT NULL,
    place integer NOT NULL,
    url text NOT NULL,
    followed integer NOT NULL
);
CREATE TABLE public.decisions (
    newsletter character varying(64) NOT NULL,
    key text NOT NULL,
    change character varying(32) NOT NULL,
    about text NOT NULL,
    accepted boolean NOT NULL,
    sentence text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone NOT NULL
);
CREATE TABLE public.deliveries (
    issue_id bigint NOT NULL,
    subscriber_id bigint NOT NULL,
    edition_id bigint NOT NULL,
    variant_id bigint NOT NULL,
    address text,
    state character varying(12) NOT NULL,
    reason character varying(16),
    due_at timestamp with time zone NOT NULL,
    claim character varying(36),
    attempts integer DEFAULT 0 NOT NULL,
    answer text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone
);
CREATE TABLE public.distinctions (
    first_id bigint NOT NULL,
    second_id bigint NOT NULL,
    said_at timestamp with time zone NOT NULL,
    said_by text NOT NULL
);
CREATE TABLE public.editions (
    id bigint NOT NULL,
    issue_id bigint NOT NULL,
    number integer NOT NULL,
    subject text NOT NULL,
    html text NOT NULL,
    text text NOT NULL,
    digest character varying(64) NOT NULL,
    notes json NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.editions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.editions_id_seq OWNED BY public.editions.id;
CREATE TABLE public.events (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    issue_id bigint,
    what character varying(32) NOT NULL,
    detail json NOT NULL
);
CREATE SEQUENCE public.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.events_id_seq OWNED BY public.events.id;
CREATE TABLE public.feeds (
    id bigint NOT NULL,
    url text NOT NULL,
    settings json NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    moved_to text,
    enabled boolean NOT NULL,
    origin character varying(16) NOT NULL,
    baseline_at timestamp with time zone,
    etag text,
    last_modified text,
    body_hash character varying(64),
    next_fetch_at timestamp with time zone,
    fetched_at timestamp with time zone,
    succeeded_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    error text DEFAULT ''::text NOT NULL
);
CREATE SEQUENCE public.feeds_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.feeds_id_seq OWNED BY public.feeds.id;
CREATE TABLE public.guesses (
    whose character varying(64) NOT NULL,
    failures integer NOT NULL,
    until timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL
);
CREATE TABLE public.happenings (
    id bigint NOT NULL,
    key character varying(36) NOT NULL,
    at timestamp with time zone NOT NULL,
    what character varying(16) NOT NULL,
    newsletter character varying(64) NOT NULL,
    subscriber_id bigint,
    issue_id bigint,
    detail json NOT NULL,
    told boolean NOT NULL
);
CREATE SEQUENCE public.happenings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.happenings_id_seq OWNED BY public.happenings.id;
CREATE TABLE public.hook_calls (
    id bigint NOT NULL,
    happening_id bigint NOT NULL,
    url text NOT NULL,
    state character varying(12) NOT NULL,
    due_at timestamp with time zone NOT NULL,
    claimed_until timestamp with time zone,
    attempts integer NOT NULL,
    answer text NOT NULL
);
CREATE SEQUENCE public.hook_calls_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.hook_calls_id_seq OWNED BY public.hook_calls.id;
CREATE TABLE public.imports (
    id bigint NOT NULL,
    newsletter character varying(64) NOT NULL,
    fingerprint character varying(64) NOT NULL,
    files json NOT NULL,
    source text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    done integer NOT NULL,
    counts json NOT NULL,
    finished_at timestamp with time zone
);
CREATE SEQUENCE public.imports_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.imports_id_seq OWNED BY public.imports.id;
CREATE TABLE public.installation (
    name character varying(32) NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE public.issues (
    id bigint NOT NULL,
    newsletter character varying(64) NOT NULL,
    rhythm character varying(16) NOT NULL,
    key character varying(64) NOT NULL,
    number integer,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone NOT NULL,
    sends_at timestamp with time zone NOT NULL,
    state character varying(16) NOT NULL,
    version integer NOT NULL,
    reasons json NOT NULL,
    recap json,
    candidates json,
    edits json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    approved_at timestamp with time zone,
    approved_by text,
    frozen_at timestamp with time zone,
    frozen integer,
    excluded json,
    finished_at timestamp with time zone,
    outcome json,
    subject text DEFAULT ''::text NOT NULL,
    unedited json,
    unworded json
);
CREATE SEQUENCE public.issues_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.issues_id_seq OWNED BY public.issues.id;
CREATE TABLE public.knocks (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    address_hash character varying(64) NOT NULL,
    domain text NOT NULL,
    prefix character varying(64) NOT NULL,
    mailed boolean NOT NULL,
    answered boolean NOT NULL
);
CREATE SEQUENCE public.knocks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.knocks_id_seq OWNED BY public.knocks.id;
CREATE TABLE public.leases (
    name text NOT NULL,
    holder character varying(36) NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.ledger_summaries (
    issue_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    figures json NOT NULL,
    file text NOT NULL,
    sha256 character varying(64) NOT NULL
);
CREATE TABLE public.mailboxes (
    place text NOT NULL,
    validity bigint NOT NULL,
    last bigint NOT NULL,
    read_at timestamp with time zone NOT NULL
);
CREATE TABLE public.merges (
    publication_id bigint NOT NULL,
    into_id bigint NOT NULL,
    names json NOT NULL,
    was_hidden boolean NOT NULL,
    merged_at timestamp with time zone NOT NULL,
    merged_by text NOT NULL
);
CREATE TABLE public.newsletter_feeds (
    newsletter character varying(64) NOT NULL,
    feed_id bigint NOT NULL
);
CREATE TABLE public.newsletters (
    key character varying(64) NOT NULL,
    started_at timestamp with time zone NOT NULL
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    idempotency_key text NOT NULL,
    newsletter character varying(64) NOT NULL,
    kind character varying(32) NOT NULL,
    address text,
    subject text NOT NULL,
    html text NOT NULL,
    text text NOT NULL,
    state character varying(12) NOT NULL,
    due_at timestamp with time zone NOT NULL,
    claim character varying(36),
    claimed_until timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    answer text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone,
    picture bytea
);
CREATE SEQUENCE public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.outbox_id_seq OWNED BY public.outbox.id;
CREATE TABLE public.pictures (
    id bigint NOT NULL,
    newsletter character varying(64) NOT NULL,
    name character varying(64) NOT NULL,
    alt text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    size integer NOT NULL,
    brought_at timestamp with time zone NOT NULL,
    brought_by text NOT NULL,
    put_away_at timestamp with time zone
);
CREATE SEQUENCE public.pictures_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.pictures_id_seq OWNED BY public.pictures.id;
CREATE TABLE public.publication_feeds (
    feed_id bigint NOT NULL,
    guid text NOT NULL,
    publication_id bigint NOT NULL
);
CREATE TABLE public.publications (
    id bigint NOT NULL,
    link_key text,
    title_key text NOT NULL,
    title text NOT NULL,
    summary text NOT NULL,
    kind text NOT NULL,
    topics json NOT NULL,
    authors json NOT NULL,
    link text,
    image json,
    language character varying(35),
    starts_at timestamp with time zone,
    published_at timestamp with time zone,
    day_only boolean NOT NULL,
    updated_at timestamp with time zone,
    first_seen_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone,
    hidden boolean DEFAULT false NOT NULL,
    edited json NOT NULL,
    feed_id bigint,
    title_made boolean DEFAULT false NOT NULL
);
CREATE SEQUENCE public.publications_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.publications_id_seq OWNED BY public.publications.id;
CREATE TABLE public.recovery_codes (
    account_id bigint NOT NULL,
    code_hash character varying(64) NOT NULL
);
CREATE TABLE public.refusals (
    id bigint NOT NULL,
    feed_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    entry text NOT NULL,
    why text NOT NULL
);
CREATE SEQUENCE public.refusals_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.refusals_id_seq OWNED BY public.refusals.id;
CREATE TABLE public.schema_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.senders (
    holder character varying(36) NOT NULL,
    issue_id bigint NOT NULL,
    in_flight json NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.sessions (
    secret_hash character varying(64) NOT NULL,
    kind character varying(8) NOT NULL,
    account_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    device text DEFAULT ''::text NOT NULL,
    seen_at timestamp with time zone,
    renews boolean DEFAULT false NOT NULL
);
CREATE TABLE public.skips (
    newsletter character varying(64) NOT NULL,
    day character varying(10) NOT NULL,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone NOT NULL
);
CREATE TABLE public.subscribers (
    id bigint NOT NULL,
    address text,
    address_key text,
    name text DEFAULT ''::text NOT NULL,
    language character varying(35),
    attributes json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    erased_at timestamp with time zone,
    wanted_address text
);
CREATE SEQUENCE public.subscribers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.subscribers_id_seq OWNED BY public.subscribers.id;
CREATE TABLE public.subscriptions (
    id bigint NOT NULL,
    subscriber_id bigint NOT NULL,
    newsletter character varying(64) NOT NULL,
    state character varying(16) NOT NULL,
    rhythm character varying(16) NOT NULL,
    topics json NOT NULL,
    lists json NOT NULL,
    source text NOT NULL,
    consented_at timestamp with time zone,
    confirmed_at timestamp with time zone,
    paused_until timestamp with time zone,
    left_at timestamp with time zone,
    left_reason text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    format character varying(8) DEFAULT 'html'::character varying NOT NULL,
    timezone character varying(64)
);
CREATE SEQUENCE public.subscriptions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.subscriptions_id_seq OWNED BY public.subscriptions.id;
CREATE TABLE public.suppressions (
    address_hash character varying(64) NOT NULL,
    reason character varying(32) NOT NULL,
    at timestamp with time zone NOT NULL,
    detail text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.tasks (
    id bigint NOT NULL,
    newsletter character varying(64) NOT NULL,
    issue_id bigint,
    kind character varying(16) NOT NULL,
    asked json NOT NULL,
    state character varying(8) NOT NULL,
    done integer NOT NULL,
    total integer NOT NULL,
    said text NOT NULL,
    found json NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    heard_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone
);
CREATE SEQUENCE public.tasks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.tasks_id_seq OWNED BY public.tasks.id;
CREATE TABLE public.ticks (
    name character varying(32) NOT NULL,
    at timestamp with time zone NOT NULL,
    error text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.turnover (
    id bigint NOT NULL,
    newsletter character varying(64) NOT NULL,
    day character varying(10) NOT NULL,
    joined integer NOT NULL,
    "left" integer NOT NULL
);
CREATE SEQUENCE public.turnover_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.turnover_id_seq OWNED BY public.turnover.id;
CREATE TABLE public.uploads (
    id bigint NOT NULL,
    newsletter character varying(64) NOT NULL,
    at timestamp with time zone NOT NULL,
    by text NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    list text NOT NULL,
    attributes json NOT NULL,
    state character varying(12) NOT NULL,
    rows integer NOT NULL,
    compared json,
    imported json,
    error text NOT NULL,
    changed_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.uploads_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.uploads_id_seq OWNED BY public.uploads.id;
CREATE TABLE public.uses (
    newsletter character varying(64) NOT NULL,
    rhythm character varying(16) NOT NULL,
    publication_id bigint NOT NULL,
    issue_id bigint NOT NULL
);
CREATE TABLE public.variants (
    id bigint NOT NULL,
    edition_id bigint NOT NULL,
    topics text NOT NULL,
    subject text NOT NULL,
    headline text NOT NULL,
    lead text NOT NULL,
    preheader text NOT NULL,
    items json NOT NULL,
    digest character varying(64) NOT NULL,
    format character varying(8) DEFAULT 'html'::character varying NOT NULL,
    html json,
    text json
);
CREATE SEQUENCE public.variants_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.variants_id_seq OWNED BY public.variants.id;
ALTER TABLE ONLY public.accounts ALTER COLUMN id SET DEFAULT nextval('public.accounts_id_seq'::regclass);
ALTER TABLE ONLY public.api_tokens ALTER COLUMN id SET DEFAULT nextval('public.api_tokens_id_seq'::regclass);
ALTER TABLE ONLY public.archived ALTER COLUMN id SET DEFAULT nextval('public.archived_id_seq'::regclass);
ALTER TABLE ONLY public.blocks ALTER COLUMN id SET DEFAULT nextval('public.blocks_id_seq'::regclass);
ALTER TABLE ONLY public.bounces ALTER COLUMN id SET DEFAULT nextval('public.bounces_id_seq'::regclass);
ALTER TABLE ONLY public.consents ALTER COLUMN id SET DEFAULT nextval('public.consents_id_seq'::regclass);
ALTER TABLE ONLY public.editions ALTER COLUMN id SET DEFAULT nextval('public.editions_id_seq'::regclass);
ALTER TABLE ONLY public.events ALTER COLUMN id SET DEFAULT nextval('public.events_id_seq'::regclass);
ALTER TABLE ONLY public.feeds ALTER COLUMN id SET DEFAULT nextval('public.feeds_id_seq'::regclass);
ALTER TABLE ONLY public.happenings ALTER COLUMN id SET DEFAULT nextval('public.happenings_id_seq'::regclass);
ALTER TABLE ONLY public.hook_calls ALTER COLUMN id SET DEFAULT nextval('public.hook_calls_id_seq'::regclass);
ALTER TABLE ONLY public.imports ALTER COLUMN id SET DEFAULT nextval('public.imports_id_seq'::regclass);
ALTER TABLE ONLY public.issues ALTER COLUMN id SET DEFAULT nextval('public.issues_id_seq'::regclass);
ALTER TABLE ONLY public.knocks ALTER COLUMN id SET DEFAULT nextval('public.knocks_id_seq'::regclass);
ALTER TABLE ONLY public.outbox ALTER COLUMN id SET DEFAULT nextval('public.outbox_id_seq'::regclass);
ALTER TABLE ONLY public.pictures ALTER COLUMN id SET DEFAULT nextval('public.pictures_id_seq'::regclass);
ALTER TABLE ONLY public.publications ALTER COLUMN id SET DEFAULT nextval('public.publications_id_seq'::regclass);
ALTER TABLE ONLY public.refusals ALTER COLUMN id SET DEFAULT nextval('public.refusals_id_seq'::regclass);
ALTER TABLE ONLY public.subscribers ALTER COLUMN id SET DEFAULT nextval('public.subscribers_id_seq'::regclass);
ALTER TABLE ONLY public.subscriptions ALTER COLUMN id SET DEFAULT nextval('public.subscriptions_id_seq'::regclass);
ALTER TABLE ONLY public.tasks ALTER COLUMN id SET DEFAULT nextval('public.tasks_id_seq'::regclass);
ALTER TABLE ONLY public.turnover ALTER COLUMN id SET DEFAULT nextval('public.turnover_id_seq'::regclass);
ALTER TABLE ONLY public.uploads ALTER COLUMN id SET DEFAULT nextval('public.uploads_id_seq'::regclass);
ALTER TABLE ONLY public.variants ALTER COLUMN id SET DEFAULT nextval('public.variants_id_seq'::regclass);
INSERT INTO public.accounts VALUES (1, 'address_key – “ü”', 'address – “ü”', 'role – “ü”', 'password – “ü”', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', 'totp_salt – “ü”', '2023-09-22 15:45:00+05:45', 1);
INSERT INTO public.api_tokens VALUES (1, 1, 'name – “ü”', 'secret_hash – “ü”', '[]', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45');
INSERT INTO public.archived VALUES (1, 1, 1, '2023-09-22 15:45:00+05:45', 'words – “ü”');
INSERT INTO public.archived_topics VALUES ('topic – “ü”', 1, '2023-09-22 15:45:00+05:45', 'name – “ü”');
INSERT INTO public.blocks VALUES (1, 'newsletter – “ü”', 'key – “ü”', 1, '[]', '2023-09-22 15:45:00+05:45', 'written_by – “ü”');
INSERT INTO public.bounces VALUES (1, 'key – “ü”', 1, '2023-09-22 15:45:00+05:45', 'kind – “ü”', 1, 1, 'verdict – “ü”', 'said – “ü”', 'address – “ü”', 'outcome – “ü”', '2023-09-22 15:45:00+05:45');
INSERT INTO public.consents VALUES (1, 1, '2023-09-22 15:45:00+05:45', 'what – “ü”', 'source – “ü”', '[]');
INSERT INTO public.corrections VALUES (1, 1, 'note – “ü”', true, 'opened_by – “ü”', '2023-09-22 15:45:00+05:45', 1);
INSERT INTO public.counted_links VALUES (1, 1, 'url – “ü”', 1);
INSERT INTO public.decisions VALUES ('newsletter – “ü”', 'key – “ü”', 'change – “ü”', 'about – “ü”', true, 'sentence – “ü”', 'decided_by – “ü”', '2023-09-22 15:45:00+05:45');
INSERT INTO public.deliveries VALUES (1, 1, 1, 1, 'address – “ü”', 'state – “ü”', 'reason – “ü”', '2023-09-22 15:45:00+05:45', 'claim – “ü”', 1, 'answer – “ü”', '2023-09-22 15:45:00+05:45');
INSERT INTO public.distinctions VALUES (1, 1, '2023-09-22 15:45:00+05:45', 'said_by – “ü”');
INSERT INTO public.editions VALUES (1, 1, 1, 'subject – “ü”', 'html – “ü”', 'text – “ü”', 'digest – “ü”', '[]', '2023-09-22 15:45:00+05:45');
INSERT INTO public.events VALUES (1, '2023-09-22 15:45:00+05:45', 'actor – “ü”', 1, 'what – “ü”', '[]');
INSERT INTO public.feeds VALUES (1, 'url – “ü”', '[]', 'title – “ü”', 'moved_to – “ü”', true, 'origin – “ü”', '2023-09-22 15:45:00+05:45', 'etag – “ü”', 'last_modified – “ü”', 'body_hash – “ü”', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', 1, 'error – “ü”');
INSERT INTO public.guesses VALUES ('whose – “ü”', 1, '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45');
INSERT INTO public.happenings VALUES (1, 'key – “ü”', '2023-09-22 15:45:00+05:45', 'what – “ü”', 'newsletter – “ü”', 1, 1, '[]', true);
INSERT INTO public.hook_calls VALUES (1, 1, 'url – “ü”', 'state – “ü”', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', 1, 'answer – “ü”');
INSERT INTO public.imports VALUES (1, 'newsletter – “ü”', 'fingerprint – “ü”', '[]', 'source – “ü”', '2023-09-22 15:45:00+05:45', 1, '[]', '2023-09-22 15:45:00+05:45');
INSERT INTO public.installation VALUES ('name – “ü”', '\x006b6579');
INSERT INTO public.issues VALUES (1, 'newsletter – “ü”', 'rhythm – “ü”', 'key – “ü”', 1, '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', 'state – “ü”', 1, '[]', '[]', '[]', '[]', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', 'approved_by – “ü”', '2023-09-22 15:45:00+05:45', 1, '[]', '2023-09-22 15:45:00+05:45', '[]', 'subject – “ü”', '[]', '[]');
INSERT INTO public.knocks VALUES (1, '2023-09-22 15:45:00+05:45', 'address_hash – “ü”', 'domain – “ü”', 'prefix – “ü”', true, true);
INSERT INTO public.leases VALUES ('name – “ü”', 'holder – “ü”', '2023-09-22 15:45:00+05:45');
INSERT INTO public.ledger_summaries VALUES (1, '2023-09-22 15:45:00+05:45', '[]', 'file – “ü”', 'sha256 – “ü”');
INSERT INTO public.mailboxes VALUES ('place – “ü”', 1, 1, '2023-09-22 15:45:00+05:45');
INSERT INTO public.merges VALUES (1, 1, '[]', true, '2023-09-22 15:45:00+05:45', 'merged_by – “ü”');
INSERT INTO public.newsletter_feeds VALUES ('newsletter – “ü”', 1);
INSERT INTO public.newsletters VALUES ('key – “ü”', '2023-09-22 15:45:00+05:45');
INSERT INTO public.outbox VALUES (1, 'idempotency_key – “ü”', 'newsletter – “ü”', 'kind – “ü”', 'address – “ü”', 'subject – “ü”', 'html – “ü”', 'text – “ü”', 'state – “ü”', '2023-09-22 15:45:00+05:45', 'claim – “ü”', '2023-09-22 15:45:00+05:45', 1, 'answer – “ü”', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', '\x006b6579');
INSERT INTO public.pictures VALUES (1, 'newsletter – “ü”', 'name – “ü”', 'alt – “ü”', 1, 1, 1, '2023-09-22 15:45:00+05:45', 'brought_by – “ü”', '2023-09-22 15:45:00+05:45');
INSERT INTO public.publication_feeds VALUES (1, 'guid – “ü”', 1);
INSERT INTO public.publications VALUES (1, 'link_key – “ü”', 'title_key – “ü”', 'title – “ü”', 'summary – “ü”', 'kind – “ü”', '[]', '[]', 'link – “ü”', '[]', 'language – “ü”', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', true, '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', true, '[]', 1, true);
INSERT INTO public.recovery_codes VALUES (1, 'code_hash – “ü”');
INSERT INTO public.refusals VALUES (1, 1, '2023-09-22 15:45:00+05:45', 'entry – “ü”', 'why – “ü”');
INSERT INTO public.schema_version VALUES ('0019');
INSERT INTO public.senders VALUES ('holder – “ü”', 1, '[]', '2023-09-22 15:45:00+05:45');
INSERT INTO public.sessions VALUES ('secret_hash – “ü”', 'kind – “', 1, '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', 'device – “ü”', '2023-09-22 15:45:00+05:45', true);
INSERT INTO public.skips VALUES ('newsletter – “ü”', 'day – “ü”', 'reason – “ü”', 'decided_by – “ü”', '2023-09-22 15:45:00+05:45');
INSERT INTO public.subscribers VALUES (1, 'address – “ü”', 'address_key – “ü”', 'name – “ü”', 'language – “ü”', '[]', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', 'wanted_address – “ü”');
INSERT INTO public.subscriptions VALUES (1, 1, 'newsletter – “ü”', 'state – “ü”', 'rhythm – “ü”', '[]', '[]', 'source – “ü”', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', 'left_reason – “ü”', '2023-09-22 15:45:00+05:45', 'format –', 'timezone – “ü”');
INSERT INTO public.suppressions VALUES ('address_hash – “ü”', 'reason – “ü”', '2023-09-22 15:45:00+05:45', 'detail – “ü”');
INSERT INTO public.tasks VALUES (1, 'newsletter – “ü”', 1, 'kind – “ü”', '[]', 'state – ', 1, 1, 'said – “ü”', '[]', 'asked_by – “ü”', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45', '2023-09-22 15:45:00+05:45');
INSERT INTO public.ticks VALUES ('name – “ü”', '2023-09-22 15:45:00+05:45', 'error – “ü”');
INSERT INTO public.turnover VALUES (1, 'newsletter – “ü”', 'day – “ü”', 1, 1);
INSERT INTO public.uploads VALUES (1, 'newsletter – “ü”', '2023-09-22 15:45:00+05:45', 'by – “ü”', 'name – “ü”', 'source – “ü”', 'list – “ü”', '[]', 'state – “ü”', 1, '[]', '[]', 'error – “ü”', '2023-09-22 15:45:00+05:45');
INSERT INTO public.uses VALUES ('newsletter – “ü”', 'rhythm – “ü”', 1, 1);
INSERT INTO public.variants VALUES (1, 1, 'topics – “ü”', 'subject – “ü”', 'headline – “ü”', 'lead – “ü”', 'preheader – “ü”', '[]', 'digest – “ü”', 'format –', '[]', '[]');
SELECT pg_catalog.setval('public.accounts_id_seq', 1, false);
SELECT pg_catalog.setval('public.api_tokens_id_seq', 1, false);
SELECT pg_catalog.setval('public.archived_id_seq', 1, false);
SELECT pg_catalog.setval('public.blocks_id_seq', 1, false);
SELECT pg_catalog.setval('public.bounces_id_seq', 1, false);
SELECT pg_catalog.setval('public.consents_id_seq', 1, false);
SELECT pg_catalog.setval('public.editions_id_seq', 1, false);
SELECT pg_catalog.setval('public.events_id_seq', 1, false);
SELECT pg_catalog.setval('public.feeds_id_seq', 1, false);
SELECT pg_catalog.setval('public.happenings_id_seq', 1, false);
SELECT pg_catalog.setval('public.hook_calls_id_seq', 1, false);
SELECT pg_catalog.setval('public.imports_id_seq', 1, false);
SELECT pg_catalog.setval('public.issues_id_seq', 1, false);
SELECT pg_catalog.setval('public.knocks_id_seq', 1, false);
SELECT pg_catalog.setval('public.outbox_id_seq', 1, false);
SELECT pg_catalog.setval('public.pictures_id_seq', 1, false);
SELECT pg_catalog.setval('public.publications_id_seq', 1, false);
SELECT pg_catalog.setval('public.refusals_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscriptions_id_seq', 1, false);
SELECT pg_catalog.setval('public.tasks_id_seq', 1, false);
SELECT pg_catalog.setval('public.turnover_id_seq', 1, false);
SELECT pg_catalog.setval('public.uploads_id_seq', 1, false);
SELECT pg_catalog.setval('public.variants_id_seq', 1, false);
ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT pk_accounts PRIMARY KEY (id);
ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT pk_api_tokens PRIMARY KEY (id);
ALTER TABLE ONLY public.archived
    ADD CONSTRAINT pk_archived PRIMARY KEY (id);
ALTER TABLE ONLY public.archived_topics
    ADD CONSTRAINT pk_archived_topics PRIMARY KEY (topic, archived_id);
ALTER TABLE ONLY public.blocks
    ADD CONSTRAINT pk_blocks PRIMARY KEY (id);
ALTER TABLE ONLY public.bounces
    ADD CONSTRAINT pk_bounces PRIMARY KEY (id);
ALTER TABLE ONLY public.consents
    ADD CONSTRAINT pk_consents PRIMARY KEY (id);
ALTER TABLE ONLY public.corrections
    ADD CONSTRAINT pk_corrections PRIMARY KEY (issue_id);
ALTER TABLE ONLY public.counted_links
    ADD CONSTRAINT pk_counted_links PRIMARY KEY (edition_id, place);
ALTER TABLE ONLY public.decisions
    ADD CONSTRAINT pk_decisions PRIMARY KEY (newsletter, key);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT pk_deliveries PRIMARY KEY (issue_id, subscriber_id);
ALTER TABLE ONLY public.distinctions
    ADD CONSTRAINT pk_distinctions PRIMARY KEY (first_id, second_id);
ALTER TABLE ONLY public.editions
    ADD CONSTRAINT pk_editions PRIMARY KEY (id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT pk_events PRIMARY KEY (id);
ALTER TABLE ONLY public.feeds
    ADD CONSTRAINT pk_feeds PRIMARY KEY (id);
ALTER TABLE ONLY public.guesses
    ADD CONSTRAINT pk_guesses PRIMARY KEY (whose);
ALTER TABLE ONLY public.happenings
    ADD CONSTRAINT pk_happenings PRIMARY KEY (id);
ALTER TABLE ONLY public.hook_calls
    ADD CONSTRAINT pk_hook_calls PRIMARY KEY (id);
ALTER TABLE ONLY public.imports
    ADD CONSTRAINT pk_imports PRIMARY KEY (id);
ALTER TABLE ONLY public.installation
    ADD CONSTRAINT pk_installation PRIMARY KEY (name);
ALTER TABLE ONLY public.issues
    ADD CONSTRAINT pk_issues PRIMARY KEY (id);
ALTER TABLE ONLY public.knocks
    ADD CONSTRAINT pk_knocks PRIMARY KEY (id);
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT pk_leases PRIMARY KEY (name);
ALTER TABLE ONLY public.ledger_summaries
    ADD CONSTRAINT pk_ledger_summaries PRIMARY KEY (issue_id);
ALTER TABLE ONLY public.mailboxes
    ADD CONSTRAINT pk_mailboxes PRIMARY KEY (place);
ALTER TABLE ONLY public.merges
    ADD CONSTRAINT pk_merges PRIMARY KEY (publication_id);
ALTER TABLE ONLY public.newsletter_feeds
    ADD CONSTRAINT pk_newsletter_feeds PRIMARY KEY (newsletter, feed_id);
ALTER TABLE ONLY public.newsletters
    ADD CONSTRAINT pk_newsletters PRIMARY KEY (key);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.pictures
    ADD CONSTRAINT pk_pictures PRIMARY KEY (id);
ALTER TABLE ONLY public.publication_feeds
    ADD CONSTRAINT pk_publication_feeds PRIMARY KEY (feed_id, guid);
ALTER TABLE ONLY public.publications
    ADD CONSTRAINT pk_publications PRIMARY KEY (id);
ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT pk_recovery_codes PRIMARY KEY (account_id, code_hash);
ALTER TABLE ONLY public.refusals
    ADD CONSTRAINT pk_refusals PRIMARY KEY (id);
ALTER TABLE ONLY public.senders
    ADD CONSTRAINT pk_senders PRIMARY KEY (holder);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT pk_sessions PRIMARY KEY (secret_hash);
ALTER TABLE ONLY public.skips
    ADD CONSTRAINT pk_skips PRIMARY KEY (newsletter, day);
ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT pk_subscribers PRIMARY KEY (id);
ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT pk_subscriptions PRIMARY KEY (id);
ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT pk_suppressions PRIMARY KEY (address_hash);
ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT pk_tasks PRIMARY KEY (id);
ALTER TABLE ONLY public.ticks
    ADD CONSTRAINT pk_ticks PRIMARY KEY (name);
ALTER TABLE ONLY public.turnover
    ADD CONSTRAINT pk_turnover PRIMARY KEY (id);
ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT pk_uploads PRIMARY KEY (id);
ALTER TABLE ONLY public.uses
    ADD CONSTRAINT pk_uses PRIMARY KEY (newsletter, rhythm, publication_id);
ALTER TABLE ONLY public.variants
    ADD CONSTRAINT pk_variants PRIMARY KEY (id);
ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT uq_accounts_address_key UNIQUE (address_key);
ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT uq_api_tokens_secret_hash UNIQUE (secret_hash);
ALTER TABLE ONLY public.archived
    ADD CONSTRAINT uq_archived_issue_id UNIQUE (issue_id);
ALTER TABLE ONLY public.archived
    ADD CONSTRAINT uq_archived_publication_id UNIQUE (publication_id);
ALTER TABLE ONLY public.blocks
    ADD CONSTRAINT uq_blocks_newsletter_key_version UNIQUE (newsletter, key, version);
ALTER TABLE ONLY public.bounces
    ADD CONSTRAINT uq_bounces_key_place UNIQUE (key, place);
ALTER TABLE ONLY public.editions
    ADD CONSTRAINT uq_editions_issue_id_number UNIQUE (issue_id, number);
ALTER TABLE ONLY public.feeds
    ADD CONSTRAINT uq_feeds_url UNIQUE (url);
ALTER TABLE ONLY public.happenings
    ADD CONSTRAINT uq_happenings_key UNIQUE (key);
ALTER TABLE ONLY public.hook_calls
    ADD CONSTRAINT uq_hook_calls_happening_id_url UNIQUE (happening_id, url);
ALTER TABLE ONLY public.issues
    ADD CONSTRAINT uq_issues_newsletter_rhythm_key UNIQUE (newsletter, rhythm, key);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT uq_outbox_idempotency_key UNIQUE (idempotency_key);
ALTER TABLE ONLY public.publications
    ADD CONSTRAINT uq_publications_link_key UNIQUE (link_key);
ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT uq_subscribers_address_key UNIQUE (address_key);
ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT uq_subscriptions_subscriber_id_newsletter UNIQUE (subscriber_id, newsletter);
ALTER TABLE ONLY public.variants
    ADD CONSTRAINT uq_variants_edition_id_topics_format UNIQUE (edition_id, topics, format);
CREATE INDEX archived_words ON public.archived USING gin (array_to_tsvector(string_to_array(words, ' '::text)));
CREATE INDEX ix_api_tokens_account_id ON public.api_tokens USING btree (account_id);
CREATE INDEX ix_archived_dated ON public.archived USING btree (dated, id);
CREATE INDEX ix_archived_topics_archived_id ON public.archived_topics USING btree (archived_id);
CREATE INDEX ix_archived_topics_dated ON public.archived_topics USING btree (topic, dated, archived_id);
CREATE INDEX ix_bounces_issue_id ON public.bounces USING btree (issue_id);
CREATE INDEX ix_bounces_outcome ON public.bounces USING btree (outcome, done_at);
CREATE INDEX ix_bounces_subscriber_id ON public.bounces USING btree (subscriber_id);
CREATE INDEX ix_consents_left_at ON public.consents USING btree (at) WHERE ((what)::text = 'left'::text);
CREATE INDEX ix_consents_subscription_id ON public.consents USING btree (subscription_id);
CREATE INDEX ix_corrections_corrects ON public.corrections USING btree (corrects);
CREATE INDEX ix_deliveries_owed ON public.deliveries USING btree (issue_id, state, due_at);
CREATE INDEX ix_distinctions_second_id ON public.distinctions USING btree (second_id);
CREATE INDEX ix_editions_created_at ON public.editions USING btree (issue_id, created_at);
CREATE INDEX ix_events_at ON public.events USING btree (at);
CREATE INDEX ix_events_issue_id ON public.events USING btree (issue_id);
CREATE INDEX ix_guesses_last_at ON public.guesses USING btree (last_at);
CREATE INDEX ix_happenings_at ON public.happenings USING btree (at);
CREATE INDEX ix_happenings_told ON public.happenings USING btree (told);
CREATE INDEX ix_hook_calls_owed ON public.hook_calls USING btree (state, due_at);
CREATE INDEX ix_imports_fingerprint ON public.imports USING btree (fingerprint);
CREATE INDEX ix_issues_state ON public.issues USING btree (state);
CREATE INDEX ix_issues_window_end ON public.issues USING btree (newsletter, window_end, id);
CREATE INDEX ix_knocks_address_hash ON public.knocks USING btree (address_hash);
CREATE INDEX ix_knocks_at ON public.knocks USING btree (at);
CREATE INDEX ix_merges_into_id ON public.merges USING btree (into_id);
CREATE INDEX ix_outbox_owed ON public.outbox USING btree (state, due_at);
CREATE INDEX ix_pictures_newsletter ON public.pictures USING btree (newsletter, id);
CREATE INDEX ix_publication_feeds_publication_id ON public.publication_feeds USING btree (publication_id);
CREATE INDEX ix_publications_dated ON public.publications USING btree (published_at);
CREATE INDEX ix_publications_first_seen_at ON public.publications USING btree (first_seen_at);
CREATE INDEX ix_publications_starts_at ON public.publications USING btree (starts_at) WHERE (starts_at IS NOT NULL);
CREATE INDEX ix_publications_title_key ON public.publications USING btree (title_key);
CREATE INDEX ix_refusals_feed_id ON public.refusals USING btree (feed_id);
CREATE INDEX ix_senders_issue_id ON public.senders USING btree (issue_id);
CREATE INDEX ix_sessions_account_id ON public.sessions USING btree (account_id);
CREATE INDEX ix_subscriptions_audience ON public.subscriptions USING btree (newsletter, rhythm, state, subscriber_id);
CREATE INDEX ix_subscriptions_changed_at ON public.subscriptions USING btree (changed_at);
CREATE INDEX ix_subscriptions_timezone ON public.subscriptions USING btree (newsletter, rhythm, timezone) WHERE (timezone IS NOT NULL);
CREATE INDEX ix_subscriptions_topics ON public.subscriptions USING btree (newsletter, rhythm, state) WHERE ((topics)::text <> '[]'::text);
CREATE INDEX ix_tasks_issue_id ON public.tasks USING btree (issue_id);
CREATE INDEX ix_tasks_newsletter ON public.tasks USING btree (newsletter, kind, id);
CREATE INDEX ix_turnover_day ON public.turnover USING btree (newsletter, day);
CREATE INDEX ix_uploads_newsletter ON public.uploads USING btree (newsletter);
CREATE INDEX ix_uses_issue_id ON public.uses USING btree (issue_id);
ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT fk_api_tokens_account_id FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.archived
    ADD CONSTRAINT fk_archived_issue_id FOREIGN KEY (issue_id) REFERENCES public.issues(id);
ALTER TABLE ONLY public.archived
    ADD CONSTRAINT fk_archived_publication_id FOREIGN KEY (publication_id) REFERENCES public.publications(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.archived_topics
    ADD CONSTRAINT fk_archived_topics_archived_id FOREIGN KEY (archived_id) REFERENCES public.archived(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.bounces
    ADD CONSTRAINT fk_bounces_issue_id FOREIGN KEY (issue_id) REFERENCES public.issues(id);
ALTER TABLE ONLY public.bounces
    ADD CONSTRAINT fk_bounces_subscriber_id FOREIGN KEY (subscriber_id) REFERENCES public.subscribers(id);
ALTER TABLE ONLY public.consents
    ADD CONSTRAINT fk_consents_subscription_id FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(id);
ALTER TABLE ONLY public.corrections
    ADD CONSTRAINT fk_corrections_corrects FOREIGN KEY (corrects) REFERENCES public.issues(id);
ALTER TABLE ONLY public.corrections
    ADD CONSTRAINT fk_corrections_edition_id FOREIGN KEY (edition_id) REFERENCES public.editions(id);
ALTER TABLE ONLY public.corrections
    ADD CONSTRAINT fk_corrections_issue_id FOREIGN KEY (issue_id) REFERENCES public.issues(id);
ALTER TABLE ONLY public.counted_links
    ADD CONSTRAINT fk_counted_links_edition_id FOREIGN KEY (edition_id) REFERENCES public.editions(id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_issue_id FOREIGN KEY (issue_id) REFERENCES public.issues(id);
ALTER TABLE ONLY public.distinctions
    ADD CONSTRAINT fk_distinctions_first_id FOREIGN KEY (first_id) REFERENCES public.publications(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.distinctions
    ADD CONSTRAINT fk_distinctions_second_id FOREIGN KEY (second_id) REFERENCES public.publications(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.editions
    ADD CONSTRAINT fk_editions_issue_id FOREIGN KEY (issue_id) REFERENCES public.issues(id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT fk_events_issue_id FOREIGN KEY (issue_id) REFERENCES public.issues(id);
ALTER TABLE ONLY public.hook_calls
    ADD CONSTRAINT fk_hook_calls_happening_id FOREIGN KEY (happening_id) REFERENCES public.happenings(id);
ALTER TABLE ONLY public.ledger_summaries
    ADD CONSTRAINT fk_ledger_summaries_issue_id FOREIGN KEY (issue_id) REFERENCES public.issues(id);
ALTER TABLE ONLY public.merges
    ADD CONSTRAINT fk_merges_into_id FOREIGN KEY (into_id) REFERENCES public.publications(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.merges
    ADD CONSTRAINT fk_merges_publication_id FOREIGN KEY (publication_id) REFERENCES public.publications(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.newsletter_feeds
    ADD CONSTRAINT fk_newsletter_feeds_feed_id FOREIGN KEY (feed_id) REFERENCES public.feeds(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.publication_feeds
    ADD CONSTRAINT fk_publication_feeds_feed_id FOREIGN KEY (feed_id) REFERENCES public.feeds(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.publication_feeds
    ADD CONSTRAINT fk_publication_feeds_publication_id FOREIGN KEY (publication_id) REFERENCES public.publications(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.publications
    ADD CONSTRAINT fk_publications_feed_id FOREIGN KEY (feed_id) REFERENCES public.feeds(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT fk_recovery_codes_account_id FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.refusals
    ADD CONSTRAINT fk_refusals_feed_id FOREIGN KEY (feed_id) REFERENCES public.feeds(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.senders
    ADD CONSTRAINT fk_senders_issue_id FOREIGN KEY (issue_id) REFERENCES public.issues(id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT fk_sessions_account_id FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT fk_subscriptions_subscriber_id FOREIGN KEY (subscriber_id) REFERENCES public.subscribers(id);
ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT fk_tasks_issue_id FOREIGN KEY (issue_id) REFERENCES public.issues(id);
ALTER TABLE ONLY public.uses
    ADD CONSTRAINT fk_uses_issue_id FOREIGN KEY (issue_id) REFERENCES public.issues(id);
ALTER TABLE ONLY public.uses
    ADD CONSTRAINT fk_uses_publication_id FOREIGN KEY (publication_id) REFERENCES public.publications(id);
ALTER TABLE ONLY public.variants
    ADD CONSTRAINT fk_variants_edition_id FOREIGN KEY (edition_id) REFERENCES public.editions(id);

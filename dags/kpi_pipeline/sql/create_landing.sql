-- What COPY fills. Every field is text as it stands in the file; the widths are bytes. A value that is longer is a
-- refused line, never a cut one. loaded_at is the transaction's own time: it names the batch here and in the ledger.

create schema if not exists {{ schema }};

create table if not exists {{ schema }}.streams (
    user_id varchar(256),
    track_id varchar(256),
    listen_time varchar(256),
    loaded_at timestamp not null default sysdate
) diststyle even sortkey (loaded_at);

create table if not exists {{ schema }}.songs (
    id varchar(256),
    track_id varchar(256),
    artists varchar(10000), -- dbt splits at most 10,000 artists a track: one a byte
    album_name varchar(4096),
    track_name varchar(4096),
    popularity varchar(256),
    duration_ms varchar(256),
    "explicit" varchar(256), -- a reserved word
    danceability varchar(256),
    energy varchar(256),
    key varchar(256),
    loudness varchar(256),
    mode varchar(256),
    speechiness varchar(256),
    acousticness varchar(256),
    instrumentalness varchar(256),
    liveness varchar(256),
    valence varchar(256),
    tempo varchar(256),
    time_signature varchar(256),
    track_genre varchar(256),
    loaded_at timestamp not null default sysdate
) diststyle even;

create table if not exists {{ schema }}.users (
    user_id varchar(256),
    user_name varchar(4096),
    user_age varchar(256),
    user_country varchar(256),
    created_at varchar(256),
    loaded_at timestamp not null default sysdate
) diststyle even;

-- The ledger: a row is a version (key and ETag) of a file that landed.
create table if not exists {{ schema }}.loaded_files (
    table_name varchar(16) not null,
    key varchar(1024) not null,
    etag varchar(128) not null,
    size_bytes bigint not null,
    line_count bigint not null,
    landed_count bigint not null,
    refused_line_count bigint not null,
    loaded_at timestamp not null default sysdate,
    copy_id bigint not null,
    run_id varchar(256) not null
) diststyle all sortkey (loaded_at);

-- The lines that COPY could not take, with Redshift's reason and the line's own text.
create table if not exists {{ schema }}.refused_lines (
    table_name varchar(16) not null,
    key varchar(1024) not null,
    etag varchar(128) not null,
    line_number bigint not null,
    column_name varchar(128),
    reason varchar(1024) not null,
    raw_line varchar(65535),
    is_rolled_back boolean not null,
    loaded_at timestamp not null default sysdate,
    run_id varchar(256) not null
) diststyle even sortkey (loaded_at);

-- One row a run: its figures.
create table if not exists {{ schema }}.pipeline_runs (
    run_id varchar(256) not null,
    started_at timestamp not null,
    finished_at timestamp not null,
    files bigint not null,
    rows_landed bigint not null,
    lines_refused bigint not null,
    listens bigint not null,
    duplicates bigint not null,
    rejects bigint not null,
    days_rebuilt bigint not null,
    seconds double precision not null
) diststyle all sortkey (started_at);

-- When every object of a table was last looked at, where runs list the newest ones only (KPI_LISTING_WINDOW_DAYS).
create table if not exists {{ schema }}.whole_listings (
    table_name varchar(16) not null,
    listed_at timestamp not null default sysdate
) diststyle all;

-- Empty for ever. Loads of a table wait for one another at its lock, and readers of the table wait for nobody.
create table if not exists {{ schema }}.lock_streams (nothing boolean) diststyle all;
create table if not exists {{ schema }}.lock_songs (nothing boolean) diststyle all;
create table if not exists {{ schema }}.lock_users (nothing boolean) diststyle all;

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

-- The ledger: a row is a version (key and ETag) of a file that landed. batch_number is the order in which the loads of
-- a table were committed. It is given under the table's lock, and does not depend on a clock or on a query id.
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
    run_id varchar(256) not null,
    batch_number bigint not null,
    checksum varchar(256) -- algorithm:value, where S3 keeps one and the ETag is no hash of the content
) diststyle all sortkey (loaded_at);

-- The lines that COPY could not take, with Redshift's reason and the line's own text.
create table if not exists {{ schema }}.refused_lines (
    table_name varchar(16) not null,
    key varchar(1024) not null,
    etag varchar(128) not null,
    line_number bigint not null, -- -1 where COPY does not know
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
    seconds double precision not null,
    objects_ignored bigint default 0, -- that look like data and are no file of any table
    ignored_keys varchar(65535) -- of the first of them, a line each
) diststyle all sortkey (started_at);

-- What people ask of a run: a rebuild of some days, or a full refresh. A request stays open until the first model of a
-- run carries it out, whatever happens in between.
create table if not exists {{ schema }}.requests (
    kind varchar(16) not null,
    marts_schema varchar(128) not null,
    first_day date,
    last_day date,
    requested_at timestamp not null default sysdate,
    run_id varchar(256) not null,
    carried_out_at timestamp,
    carried_out_by varchar(256)
) diststyle all;

-- Whose turn it is: at most one row, which the runs of both DAGs and whoever erases a person take in turn.
create table if not exists {{ schema }}.turns (
    owner varchar(512) not null,
    taken_at timestamp not null default sysdate,
    expires_at timestamp not null
) diststyle all;

-- When every object of a table was last looked at, where runs list the newest ones only (KPI_LISTING_WINDOW_DAYS).
create table if not exists {{ schema }}.whole_listings (
    table_name varchar(16) not null,
    listed_at timestamp not null default sysdate
) diststyle all;

-- Always empty. A load locks this table first, so that two loads of the same table cannot overlap; readers of the
-- landing table itself wait for nobody. lock_turns does the same for the table turns.
create table if not exists {{ schema }}.lock_streams (nothing boolean) diststyle all;
create table if not exists {{ schema }}.lock_songs (nothing boolean) diststyle all;
create table if not exists {{ schema }}.lock_users (nothing boolean) diststyle all;
create table if not exists {{ schema }}.lock_turns (nothing boolean) diststyle all;

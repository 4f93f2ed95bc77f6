-- Where Redshift's attributes of tables are kept, and who may read them.
set search_path = pg_catalog, pg_postgres;

-- What a table was created with: PostgreSQL has no place for it.
create table pg_redshift.table_attributes (table_id oid primary key, attributes pg_postgres.jsonb not null);
create sequence pg_redshift.view_id;  -- of late-binding views
create sequence pg_redshift.copy_id;
create sequence pg_redshift.copy_count minvalue 0;
grant usage, create on schema pg_redshift to public;  -- late-binding views are functions there
grant select on all tables in schema pg_redshift to public;
grant usage, update on all sequences in schema pg_redshift to public;

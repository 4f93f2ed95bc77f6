-- Who may do what in the warehouse. Sent as the administrator at every deployment: each statement can be repeated, or
-- says `-- once`, and that Redshift has the thing already is no error then. Redshift's objects belong to users, not to
-- roles: the role etl owns landing and marts through its one member, the user that the execution role logs in as.

-- once
create role {{ pipeline | identifier }};

-- once
create role {{ analysts | identifier }};

-- once
create user {{ user | identifier }} password disable;

-- once
grant role {{ pipeline | identifier }} to {{ user | identifier }};

-- `create schema if not exists` asks for this right even where the schema exists.
grant create on database {{ database | identifier }} to role {{ pipeline | identifier }};

create schema if not exists {{ landing | identifier }} authorization {{ user | identifier }};

create schema if not exists {{ marts | identifier }} authorization {{ user | identifier }};

grant usage, create on schema {{ landing | identifier }} to role {{ pipeline | identifier }};

grant usage, create on schema {{ marts | identifier }} to role {{ pipeline | identifier }};

-- What an analyst reads is granted model by model, by dbt; nothing of it is in landing.
grant usage on schema {{ marts | identifier }} to role {{ analysts | identifier }};

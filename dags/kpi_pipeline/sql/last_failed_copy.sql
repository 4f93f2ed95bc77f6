-- The last COPY of this session that met lines which it could not take; it is read after the rollback.
select max(query_id) as copy_id
from sys_load_error_detail
where session_id = pg_backend_pid();

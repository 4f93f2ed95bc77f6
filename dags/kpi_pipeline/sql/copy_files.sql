-- NULL AS: by default `\N` would be null, and it is text. Blank fields are null in staging either way.
copy {{ schema }}.{{ table }} ({{ columns }})
from '{{ manifest }}'
iam_role {{ iam_role }}
format csv
{{ compression }}
ignoreheader 1
ignoreblanklines
null as ''
manifest
maxerror 100000
compupdate off
statupdate off;

copy {{ schema }}.{{ table }} ({{ columns }})
from '{{ manifest }}'
iam_role {{ iam_role }}
format csv
ignoreheader 1
manifest
maxerror 100000
compupdate off
statupdate off;

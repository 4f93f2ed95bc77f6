copy {{ schema }}.{{ table }} ({{ columns }})
from '{{ manifest }}'
iam_role {{ iam_role }}
format csv
{{ compression }}
ignoreheader 1
ignoreblanklines
null as '' -- by default it is \N, which is text in these files
manifest
maxerror 100000
compupdate off
statupdate off;

#!/bin/bash
# Rain of one week at all stations. Usage: week.sh DAY... OUTPUT
set -eu
days=("${@:1:$#-1}")
output=${@: -1}
awk -F, 'FNR == 2 { days[$1]++; rain[$1] += $3 } END { for (each in days) printf "%s,%d,%.1f\n", each, days[each], rain[each] }' \
    "${days[@]}" | sort | sed '1i station,days,rain_mm' > "$output"

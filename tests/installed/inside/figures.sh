# shellcheck shell=bash disable=SC2154 # what the other parts set
# What it takes: lines "figure|unit|value".

# Memory of the processes of a unit, what is shared counted in parts.
memory_of() { # unit
  local pid
  for pid in $(cat "/sys/fs/cgroup/system.slice/$1.service/cgroup.procs"); do
    awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup"
  done | awk '{ n += $1 } END { printf "%.1f", n / 1024 }'
}
the_memory_is_taken() { # when
  local unit
  for unit in mosquitto gatehouse-hold gatehoused gatehouse-syncd; do
    echo "memory of $unit, ${1//_/ }|MiB|$(memory_of $unit)"
  done > /run/figures
  awk -F '|' -v when="${1//_/ }" '{ print; if ($3 + 0 == 0) bad = 1; n += $3 }
    END { printf "memory of all four, %s|MiB|%.1f\n", when, n; exit bad }' /run/figures >> /exchange/figures
}
the_time_to_the_first_decision_is_taken() {
  local begun
  begun=$(systemctl show --value -p UserspaceTimestampMonotonic)
  edges 0 1 | head -n 1 | awk -v begun="$begun" '
    { printf "systemd'"'"'s start to the first door that opens, without a cloud|s|%.1f\n", $1 - begun / 1e6 }' >> /exchange/figures
  systemctl show --value -p ActiveEnterTimestampMonotonic gatehoused | awk -v begun="$begun" '
    { printf "systemd'"'"'s start to gatehoused|s|%.1f\n", ($1 - begun) / 1e6 }' >> /exchange/figures
  expect 2 "$(grep -c "^systemd's start.*|s|[1-9]" /exchange/figures)"
}

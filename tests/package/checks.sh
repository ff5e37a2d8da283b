# shellcheck shell=bash
# To be sourced: sentences that are shown, and how many were. $work is a folder of the caller's.

passed=0 failed=0

# A sentence, which is the name of the function that shows it: any command in it that fails is its failure.
check() {
  local status
  ( set -e; "${2// /_}" ) >"$work/log" 2>&1
  status=$?
  if [ $status -eq 0 ]; then
    echo "ok   $1: $2"
    passed=$((passed + 1))
  else
    echo "FAIL $1: $2"
    tail -n "${GATEHOUSE_LOG_LINES:-30}" "$work/log" | sed 's/^/    /'
    failed=$((failed + 1))
  fi
}
expect() { # what was wanted, what came
  [ "$1" = "$2" ] || { printf 'expected: %s\nfound:    %s\n' "$1" "$2"; return 1; }
}

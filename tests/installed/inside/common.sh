# shellcheck shell=bash
# What the parts share. They run in the box, with errexit: any command that fails is the failure.

kept=/var/lib/installed # what the tests remember, over power cuts
mkdir -p $kept

expect() { # what was wanted, what came
  [ "$1" = "$2" ] || { printf 'expected: %s\nfound:    %s\n' "$1" "$2"; return 1; }
}
of() { systemctl show --value -p "$2" "$1"; }
is() { [ "$(of "$1" "$2")" = "$3" ]; }
limit=60
# Asks again until it is so, for so many seconds.
wait_for() {
  local end=$((SECONDS + limit))
  until "$@"; do
    [ $SECONDS -lt $end ] || {
      echo "not so after $limit seconds: $*"
      journalctl --no-pager -n 30
      systemctl --no-pager --plain --failed
      systemctl --no-pager list-jobs
      return 1
    }
    sleep 0.2
  done
}
status_says() { gatehousectl status | tee /run/status | grep -qE "^$1"; }

# --- the clock ------------------------------------------------------------------

# As after the answer of a time server: adjtimex(2) with the status and the largest error.
a_time_server_has_answered() {
  perl -e 'my $t = pack("l x4 q q q q l x200", 0x14, 0, 0, 0, 0, 0); exit(syscall(159, $t) < 0)'
}

# --- lines ----------------------------------------------------------------------

level() { cat /sys/devices/platform/gpio-sim.0/gpiochip*/sim_gpio"$1"/value; }
is_level() { [ "$(level "$1")" = "$2" ]; }

# When, since power-on, the line was driven from its other level to this one: the kernel's account.
edges() { # line, level
  local base
  base=$(basename /sys/devices/platform/gpio-sim.0/gpio/gpiochip* | tr -dc 0-9)
  awk -v line=$((base + $1)) -v to="$2" '
    match($0, /gpio_value: [0-9]+ set [01]/) {
      split(substr($0, RSTART, RLENGTH), w, " ")
      if (w[2] != line) next
      if (w[4] == to && level != to && level != "") {
        match($0, /[0-9]+\.[0-9]+: gpio_value/)
        print substr($0, RSTART, index(substr($0, RSTART), ":") - 1)
      }
      level = w[4]
    }' /sys/kernel/tracing/trace
}
now() { cut -d ' ' -f 1 /proc/uptime; }

# --- a reader ---------------------------------------------------------------------

# Shows a card until it is answered, as a reader does; prints the answer.
present() { # reader, card, id of the read
  local begun age
  begun=$(date +%s%3N)
  while age=$(($(date +%s%3N) - begun)) && [ $age -lt 5000 ]; do
    mosquitto_rr -V 5 -q 1 -h box -p 8883 -W 3 --cafile "$kept/$1/ca.pem" --cert "$kept/$1/$1.pem" \
      --key "$kept/$1/$1.key" -t "gatehouse/v1/readers/$1/read" -e "gatehouse/v1/readers/$1/feedback" \
      -m '{"id":"'"$3"'","type":"card","value":"'"$2"'","age_ms":'$age'}' 2>/run/reader.says | grep "\"$3\"" && return 0
  done
  cat /run/reader.says
  return 1
}
# A person shows it again, a few times, when the box was too busy for the first.
answer_is() { # words of it; reader, card, id
  local words=$1 again
  shift
  for again in '' -again -once-more; do
    { present "$1" "$2" "$3$again" || true; } | tee /run/answer
    ! grep -q '"reason":"read_stale"' /run/answer && grep -q '"decision"' /run/answer && break
  done
  grep -q "$words" /run/answer
}
is_let_in() { answer_is '"decision":"granted"' "$@"; }

switch_off() { systemctl --no-block poweroff; }

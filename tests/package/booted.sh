# shellcheck shell=bash
# Where systemd runs: what an installer sees on a box. To be sourced by ./run.

of() { box systemctl show --value -p "$2" "$1"; }
is() { [ "$(of "$1" "$2")" = "$3" ]; }
said() { box journalctl --no-pager -q -o cat -u "$1" | grep -qF "$2"; }
wait_for() { box_wait 300 "$@" || { echo "not so after a minute: $*"; box journalctl --no-pager -n 40; return 1; }; }

it_is_installed_and_runs() {
  install_deb "$1"
  local unit
  for unit in mosquitto gatehouse-hold gatehoused; do wait_for is $unit ActiveState active; done
}

is_let_in_by_the_broker() { box gatehousectl status | grep -q '^broker  *connected'; }
the_daemons_run_after_the_installation() {
  it_is_installed_and_runs "$old"
  expect "0 doors: none is described in the configuration yet" "$(of gatehoused StatusText)"
  wait_for is_let_in_by_the_broker
  expect "" "$(box systemctl --failed --plain --no-legend)"
}

# What mosquitto wants to be its own; in its unit all of /etc is read-only.
of_mosquitto() { # a command, as a mosquitto that was taken over would run it
  box nsenter --target "$(of mosquitto MainPID)" --mount -- \
    setpriv --reuid mosquitto --regid mosquitto --clear-groups sh -c "$1" 2>&1
}
mosquitto_has_its_accounts_and_rights_without_a_complaint_and_cannot_change_them() {
  expect "" "$(box journalctl --no-pager -q -o cat -u mosquitto | grep -iE 'future versions|owner is not|group is not')"
  local f said
  for f in accounts acl; do
    of_mosquitto "cat /etc/gatehouse/broker/$f" | grep -q @gatehoused
    for said in "echo x >> /etc/gatehouse/broker/$f" "chmod 666 /etc/gatehouse/broker/$f" \
                "rm -f /etc/gatehouse/broker/$f"; do
      expect "Read-only file system" "$(of_mosquitto "$said" | grep -o 'Read-only file system')"
    done
  done
  # Nor, where nothing is read-only, put another in its place.
  expect "Permission denied" \
    "$(box setpriv --reuid mosquitto --regid mosquitto --clear-groups rm -f /etc/gatehouse/broker/acl 2>&1 | grep -o 'Permission denied')"
}

a_box_without_a_cloud_has_no_syncd_and_nothing_that_failed() {
  expect inactive "$(of gatehouse-syncd ActiveState)"
  expect exec-condition "$(of gatehouse-syncd Result)"
  expect 0 "$(of gatehouse-syncd NRestarts)"
  said gatehouse-syncd "there is no [cloud]"
}

# What a process may do under a unit's sandbox. $1 the unit; the rest is for the probe.
probe() {
  local unit=$1
  shift
  put /run/probe.pl < tests/package/probe.pl
  box cat "/usr/lib/systemd/system/$unit.service" |
    grep -vE '^(Type|ExecStart|ExecStopPost|ExecCondition|Watchdog.*|Restart.*|After|Wants)=' |
    sed "s#^\[Service\]#&\nType=oneshot\nSyslogIdentifier=probe-$unit\nExecStart=/usr/bin/perl /run/probe.pl $*#" |
    put "/run/systemd/system/probe-$unit.service"
  box systemctl daemon-reload
  local status=0
  box systemctl start "probe-$unit.service" || status=$?
  box journalctl --no-pager -q -o cat -t "probe-$unit"
  return $status
}
gatehoused_may_ask_whether_the_clock_is_right_and_little_else() { probe gatehoused asks-clock loopback; }
the_holder_may_do_less() { probe gatehouse-hold; }
gatehouse_syncd_may_call_out_and_has_no_device() { probe gatehouse-syncd asks-clock internet; }

# A cloud beside the box, in its network. syncd works in its sandbox, and so does all it calls.
start_cloud() {
  local d=$work/cloud
  mkdir -p "$d/data"
  (
    cd "$d" || exit 1
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=ca
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.csr -subj /CN=cloud
    echo subjectAltName=IP:127.0.0.1 > san
    openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile san -out cert.pem
    echo token-of-a-package-test > token
    echo admin-token-of-a-package-test > admin
    chmod 600 token admin
  ) >"$d/made" 2>&1
  "${BUILD:-build}/gatehouse-cloud" --make-key "$d/policy.seed" > "$d/policy.pub"
  nsenter --target "$box_pid" --net "${BUILD:-build}/gatehouse-cloud" --data "$d/data" --cert "$d/cert.pem" --key "$d/key.pem" \
    --port 8443 --token "$d/token" --admin-token "$d/admin" --policy-key "$d/policy.seed" >"$d/log" 2>&1 &
  cloud=$!
  box_wait 50 grep -qs 'listening on' "$d/log"
}
admin() { nsenter --target "$box_pid" --net curl -sS --fail --cacert "$work/cloud/ca.pem" -H "Authorization: Bearer $(cat "$work/cloud/admin")" "$@"; }
stop_cloud() { [ -z "${cloud:-}" ] || { kill "$cloud" && wait "$cloud"; } 2>/dev/null; cloud=; }

has_policy() { box gatehousectl status | grep -q 'policy .*epoch 1, revision 1,'; }
syncd_brings_a_policy_as_soon_as_there_is_a_cloud() {
  local d=$work/cloud
  admin --data-binary @tests/vectors/office.policy.ndjson https://127.0.0.1:8443/admin/sites/hq/rows
  box install -d -o root -g gatehouse -m 750 /etc/gatehouse/cloud
  local f
  for f in ca.pem policy.pub token; do
    put "/etc/gatehouse/cloud/$f" < "$d/$f"
    box chown gatehouse:gatehouse "/etc/gatehouse/cloud/$f"
    box chmod 600 "/etc/gatehouse/cloud/$f"
  done
  box sh -c 'cat >> /etc/gatehouse/gatehouse.conf' <<'CONF'
[cloud]
url = https://127.0.0.1:8443
ca_file = /etc/gatehouse/cloud/ca.pem
token_file = /etc/gatehouse/cloud/token
policy_key_file = /etc/gatehouse/cloud/policy.pub
CONF
  box systemctl restart gatehoused gatehouse-syncd
  wait_for is gatehouse-syncd ActiveState active
  wait_for has_policy
}

an_upgrade_keeps_the_state_and_what_an_admin_wrote() {
  local before after
  before=$(box sha256sum /etc/gatehouse/gatehouse.conf /var/lib/gatehouse/device.key)
  box sh -c 'cp -a /etc/gatehouse/mosquitto.conf /run/before.conf'
  hold_before=$(of gatehouse-hold MainPID) gatehoused_before=$(of gatehoused MainPID)
  echo "$hold_before $gatehoused_before" > "$work/before"
  install_deb "$deb"
  after=$(box sha256sum /etc/gatehouse/gatehouse.conf /var/lib/gatehouse/device.key)
  expect "$before" "$after"
  # Nobody had touched this one: it is the new version's.
  if box cmp -s /run/before.conf /etc/gatehouse/mosquitto.conf; then echo "mosquitto.conf is the old one"; return 1; fi
  wait_for has_policy
}

# The holder has the lines until the new gatehoused does, and only then is started anew.
an_upgrade_starts_the_holder_anew_once_gatehoused_is_up() {
  local hold gatehoused
  read -r hold gatehoused < "$work/before"
  [ "$(of gatehoused MainPID)" != "$gatehoused" ]
  [ "$(of gatehouse-hold MainPID)" != "$hold" ]
  [ "$(of gatehouse-hold InactiveEnterTimestampMonotonic)" -gt "$(of gatehoused ActiveEnterTimestampMonotonic)" ]
  wait_for is gatehouse-syncd ActiveState active
  [ "$(of gatehouse-syncd ExecMainStartTimestampMonotonic)" -gt "$(of gatehoused ActiveEnterTimestampMonotonic)" ]
}

mosquitto_is_started_anew_only_for_another_configuration() {
  local before
  before=$(of mosquitto MainPID)
  install_deb "$deb"
  box apt-get install -y -qq --reinstall /tmp/gatehouse.deb
  wait_for is gatehoused ActiveState active
  expect "$before" "$(of mosquitto MainPID)"
}

a_mistake_in_the_configuration_is_said_once_and_nothing_is_tried_again() {
  box cp -a /etc/gatehouse/gatehouse.conf /run/good.conf
  box sh -c 'echo "what = 1" >> /etc/gatehouse/gatehouse.conf'
  local n
  n=$(box wc -l /etc/gatehouse/gatehouse.conf)
  box systemctl restart gatehoused || true
  wait_for is gatehoused ActiveState failed
  { box systemctl status --no-pager gatehoused || true; } | grep -F "/etc/gatehouse/gatehouse.conf:${n%% *}:"
  expect 78 "$(of gatehoused ExecMainStatus)"
}

an_upgrade_that_gatehoused_does_not_survive_leaves_the_holder_alone() {
  local before
  before=$(of gatehouse-hold MainPID)
  install_deb "$old"
  expect "$before" "$(of gatehouse-hold MainPID)"
  expect failed "$(of gatehoused ActiveState)"
  box cp -a /run/good.conf /etc/gatehouse/gatehouse.conf
  install_deb "$deb"
  wait_for is gatehoused ActiveState active
}

is_another() { [ "$(of "$1" MainPID)" != "$2" ] && is "$1" ActiveState active; }
whoever_hangs_is_ended_and_started_again() {
  local unit pid
  for unit in gatehoused gatehouse-syncd; do
    pid=$(of $unit MainPID)
    box sh -c "kill -STOP $pid"
    echo "$unit $pid" >> "$work/hung"
  done
  while read -r unit pid; do
    box_wait 400 is_another "$unit" "$pid"
    box journalctl --no-pager -q -o cat _PID=1 -u "$unit" | grep -F "Watchdog timeout"
  done < "$work/hung"
}

is_gone() { ! is "$1" ActiveState active; }
a_removal_stops_the_daemons_and_gives_mosquitto_back() {
  box apt-get remove -y -qq gatehouse
  local unit
  for unit in gatehoused gatehouse-syncd gatehouse-hold; do wait_for is_gone $unit; done
  wait_for is mosquitto ActiveState active
  expect "" "$(of mosquitto DropInPaths)"
}

booted_tests() {
  local t
  cloud=
  check "$1" "the daemons run after the installation"
  check "$1" "mosquitto has its accounts and rights without a complaint and cannot change them"
  check "$1" "a box without a cloud has no syncd and nothing that failed"
  box ip address add 198.51.100.1/32 dev lo # of the box, but not its loopback's
  check "$1" "gatehoused may ask whether the clock is right and little else"
  check "$1" "the holder may do less"
  check "$1" "gatehouse syncd may call out and has no device"
  start_cloud
  for t in "syncd brings a policy as soon as there is a cloud" \
           "an upgrade keeps the state and what an admin wrote" \
           "an upgrade starts the holder anew once gatehoused is up" \
           "mosquitto is started anew only for another configuration" \
           "a mistake in the configuration is said once and nothing is tried again" \
           "an upgrade that gatehoused does not survive leaves the holder alone" \
           "whoever hangs is ended and started again" \
           "a removal stops the daemons and gives mosquitto back"; do
    check "$1" "$t"
  done
  stop_cloud
}

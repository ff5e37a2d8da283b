# shellcheck shell=bash disable=SC2154 # what the other parts set
# An upgrade at the worst moment: a door is released, a policy is on its way down, thousands of
# events wait to go up, and people go on coming.

status_number() { gatehousectl --json status | grep -oP '"'"$1"'": *\K[0-9]+' | head -n 1; }
is_queued() { [ "$(status_number queued)" -ge "$1" ]; }

events_wait_that_no_cloud_has() {
  seq 2000 | awk '{ print "{\"id\":\"queue-" $1 "\",\"type\":\"card\",\"value\":\"FFFF\",\"age_ms\":0}" }' |
    mosquitto_pub -V 5 -q 1 -l -h box -p 8883 --cafile $kept/r-vault/ca.pem --cert $kept/r-vault/r-vault.pem \
      --key $kept/r-vault/r-vault.key -t gatehouse/v1/readers/r-vault/read
  wait_for is_queued 1500
  gatehousectl status
}

# When each card was held to the reader and taken away, and which reads were answered.
keep_passing() {
  local n=0 begun answer
  while :; do
    n=$((n + 1)) begun=$(now) answer=no
    if present r-gate $staff_card "up-$n"; then answer=yes; fi
    echo "$begun $(now) up-$n $answer" >> $kept/passages
  done
}
syncd_is_in_a_call() { ss -Htnp state established dport = :8443 | grep -q gatehouse-syncd; }
has_passed() { [ "$(grep -c yes $kept/passages)" -ge "$1" ]; }

it_is_upgraded_in_the_middle_of_everything() {
  edges 0 1 > /run/front_before
  edges 1 0 > /run/vault_before
  edges 3 1 > /run/gate_before
  rm -f $kept/passages
  systemd-run -q --unit=people bash -euc 'for part in /exchange/*.sh; do . "$part"; done; keep_passing'
  wait_for is_level 3 1
  # It is to find a cloud that is slow from its first call on.
  systemctl stop gatehouse-syncd
  start_cloud
  admin -o /dev/null -d '{"stall_ms":15000}' https://127.0.0.1:8443/admin/faults
  seq 5000 | awk '{ print "{\"k\":\"person\",\"id\":\"late" $1 "\",\"d\":{}}" }' |
    admin --data-binary @- https://127.0.0.1:8443/admin/sites/hq/rows
  systemctl start gatehouse-syncd
  wait_for syncd_is_in_a_call
  gatehousectl status
  gatehousectl doors
  is_queued 1500
  is_level 3 1
  local was
  was=$(of gatehoused MainPID)
  apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confdef /exchange/next.deb
  is_queued 500
  expect "99" "$(dpkg-query -W -f='${Version}' gatehouse)"
  [ "$(of gatehoused MainPID)" != "$was" ]
  wait_for is gatehouse-syncd ActiveState active
  wait_for has_passed $(($(grep -c yes $kept/passages) + 3))
  systemctl stop people
  expect "" "$(systemctl --failed --plain --no-legend)"
}

# The kernel has every level that it gave a line, however short.
no_door_was_released_but_by_who_held_a_card_to_it() {
  edges 0 1 | diff /run/front_before -
  edges 1 0 | diff /run/vault_before -
  edges 3 1 | tail -n +$(($(wc -l < /run/gate_before) + 1)) > /run/released
  edges 3 0 > /run/locked
  # It was released when gatehoused was stopped, which locked it: a moment before systemd has
  # noted that the stop began.
  local stopped
  stopped=$(of gatehoused ActiveExitTimestampMonotonic)
  echo "stopped at $stopped us; released and locked at:"
  cat /run/released /run/locked
  awk -v from="$stopped" -v to="$(of gatehoused InactiveEnterTimestampMonotonic)" '
    $1 * 1e6 >= from - 5e5 && $1 * 1e6 <= to { found = 1 } END { exit !found }' /run/locked
  # Hundredths of a second is what a reader's clock has.
  [ "$(wc -l < /run/released)" -ge 2 ]
  awk 'FNR == NR { from[NR] = $1 - 0.02; to[NR] = $2 + 0.02; n = NR; next }
    { for (i = 1; i <= n; i++) if ($1 >= from[i] && $1 <= to[i]) next; print "nobody was there at " $1; bad = 1 }
    END { exit bad }' $kept/passages /run/released
}

# Events come to be while we look.
is_all_there() {
  admin $gateway/events/summary > /run/summary
  gatehousectl --json events | grep -c '"seq"' > /run/here
  [ "$(grep -oP '"count": *\K[0-9]+' /run/summary | tail -n 1)" = "$(cat /run/here)" ]
}
every_event_is_at_the_cloud_once() {
  admin -o /dev/null -d '{"stall_ms":0}' https://127.0.0.1:8443/admin/faults
  wait_for status_says "policy *epoch 1, revision 2,"
  wait_for is_all_there
  cat /run/here /run/summary
  local word id
  for word in lost missing doubled conflicting; do
    expect 0 "$(grep -oP "\"$word\": *\K[0-9]+" /run/summary | sort -u)"
  done
  admin "$gateway/events?after=0&limit=10000" > /run/there
  while read -r id; do
    expect 1 "$(grep -c "\"read_id\":\"$id\"" /run/there)"
  done < <(awk '$4 == "yes" { print $3 }' $kept/passages; cat /exchange/answered)
  gatehousectl journal verify
}

# shellcheck shell=bash disable=SC2154 # what the other parts set
# The power goes while people come in, and comes back without the cloud, and without a date.

# Shows cards until the power goes. What was answered the host knows at once.
keep_coming() { # reader
  local n=0
  while :; do
    n=$((n + 1))
    if present "$1" $staff_card "cut-$n"; then echo "cut-$n" >> /exchange/answered; fi
  done
}
people_come_in_until_a_release_is_under_way() {
  systemctl stop cloud
  systemd-run -q --unit=people bash -euc 'for part in /exchange/*.sh; do . "$part"; done; keep_coming r-vault'
  wait_for ten_came_in
  is_let_in r-front $staff_card cut-front
  grep -oP '"id":"\K[^"]*' /run/answer >> /exchange/answered
  is_level 0 1
}
ten_came_in() { [ "$(wc -l < /exchange/answered)" -ge 10 ]; }

# --- and the next life -----------------------------------------------------------------

# The kernel has a word for it. Somebody stands at the door while the box comes up.
somebody_waits_at_the_door() {
  local n=0
  until present r-front $staff_card "waits-$n"; do n=$((n + 1)); sleep 0.1; done
}
is_first_decision_taken() { [ -n "$(edges 0 1)" ]; }

it_came_up_by_itself_without_a_cloud_and_let_in_who_waited() {
  everything_is_up_and_nothing_failed
  expect success "$(of systemd-fsck-root Result)"
  expect active "$(of systemd-fsck-root ActiveState)"
  wait_for is_first_decision_taken
  wait_for is_level 0 0
  expect "0 1" "$(level 0) $(level 1)"
  expect 1 "$(edges 0 1 | wc -l)"
  # The doors that nobody stood at.
  expect "" "$(edges 1 0)"
  expect "" "$(edges 3 1)"
  expect 1 "$(gatehousectl --json events | grep '"read_id":"waits-' | grep -c '"decision":"granted"')"
  wait_for status_says "cloud *offline"
}

nothing_that_was_answered_is_missing_from_the_journal() {
  gatehousectl --json events > /run/events
  local id
  while read -r id; do
    expect 1 "$(grep -c "\"read_id\":\"$id\"" /run/events)"
  done < /exchange/answered
  gatehousectl journal verify
  expect "" "$(find /var/lib/gatehouse -name '*damaged*')"
}

without_a_date_it_decides_what_it_can_and_says_so() {
  date
  expect 2001 "$(date +%Y)"
  wait_for status_says "clock *unset"
  status_says "policy *.*age unknown"
  is_let_in r-front $staff_card date-1
  answer_is '"reason":"clock_untrusted"' r-front $shift_card date-2
}

once_it_has_a_date_schedules_hold_again() { # the date
  date -s "@$1"
  a_time_server_has_answered
  wait_for status_says "clock *synced"
  is_let_in r-front $shift_card date-3
}

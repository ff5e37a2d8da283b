# shellcheck shell=bash disable=SC2154 # what the other parts set
# A box that is new: its first boot, its enrolment, its first door.

everything_is_up_and_nothing_failed() { # within so many seconds
  local unit
  # shellcheck disable=SC2034 # wait_for's
  limit=${1:-60}
  for unit in mosquitto gatehouse-hold gatehoused; do wait_for is $unit ActiveState active; done
  wait_for is_booted
  systemctl --failed --plain --no-legend
  expect "" "$(systemctl --failed --plain --no-legend)"
}
is_booted() { case $(systemctl is-system-running) in running | degraded) ;; *) return 1 ;; esac; }

the_package_has_set_up_the_broker() {
  test -s /etc/gatehouse/broker/ca.key
  wait_for status_says "broker *connected"
}

# --- the cloud, in the same box but of no part of it ---------------------------------

cloud=$kept/cloud
make_cloud() {
  mkdir -p $cloud/data
  (
    cd $cloud || exit
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=ca
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.csr -subj /CN=cloud
    echo subjectAltName=IP:127.0.0.1 > san
    openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile san -out cert.pem
    echo token-of-the-installed-box > token
    echo admin-token-of-the-installed-box > admin-token
    chmod 600 token admin-token
    gatehouse-cloud --make-key policy.seed
    gatehouse-cloud --make-key command.seed
  )
}
start_cloud() {
  systemd-run -q --unit=cloud --working-directory=$cloud gatehouse-cloud --data $cloud/data --ca $cloud/ca.pem \
    --cert $cloud/cert.pem --key $cloud/key.pem --port 8443 --token $cloud/token --admin-token $cloud/admin-token \
    --policy-key $cloud/policy.seed --command-key $cloud/command.seed
  wait_for admin -o /dev/null https://127.0.0.1:8443/admin/state
}
admin() { curl -sS --fail --cacert $cloud/ca.pem -H "Authorization: Bearer $(cat $cloud/admin-token)" "$@"; }
gateway=https://127.0.0.1:8443/admin/sites/hq/gateways/gw-1

# Ten thousand people with a card each. Whoever has a schedule may come in at any hour, if anybody
# knows what hour it is.
policy() {
  cat <<'POLICY'
{"k":"site","id":"hq","d":{"tz":"Europe/Berlin"}}
{"k":"door","id":"front","d":{"release_s":3}}
{"k":"door","id":"gate","d":{"release_s":30}}
{"k":"door","id":"vault","d":{"release_s":3}}
{"k":"reader","id":"r-front","d":{"door":"front"}}
{"k":"reader","id":"r-gate","d":{"door":"gate"}}
{"k":"reader","id":"r-vault","d":{"door":"vault"}}
{"k":"group","id":"staff","d":{}}
{"k":"group","id":"shift","d":{}}
{"k":"schedule","id":"always","d":{"windows":[{"days":["mon","tue","wed","thu","fri","sat","sun"],"start":"00:00","end":"24:00"}]}}
{"k":"entitlement","id":"e-staff","d":{"kind":"grant","who":{"groups":["staff"]},"where":{"all":true}}}
{"k":"entitlement","id":"e-shift","d":{"kind":"grant","schedule":"always","who":{"groups":["shift"]},"where":{"all":true}}}
POLICY
  awk 'BEGIN {
    for (i = 1; i <= 10000; i++) {
      printf "{\"k\":\"person\",\"id\":\"p%d\",\"d\":{\"groups\":[\"%s\"]}}\n", i, i % 2 ? "staff" : "shift"
      printf "{\"k\":\"credential\",\"id\":\"c%d\",\"d\":{\"person\":\"p%d\",\"type\":\"card\",\"value\":\"%X\"}}\n", i, i, 1048576 + i
    }
  }'
}
staff_card=100001 shift_card=100002

a_token_makes_it_a_gateway_of_its_cloud() {
  a_time_server_has_answered
  make_cloud
  start_cloud
  policy | admin --data-binary @- https://127.0.0.1:8443/admin/sites/hq/rows
  local made
  made=$(admin -X POST $gateway/enrolment)
  sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' <<< "$made" |
    gatehousectl enrol --ca-sha256 "$(sed -n 's/.*"ca_sha256": *"\([^"]*\)".*/\1/p' <<< "$made")"
  systemctl restart gatehoused gatehouse-syncd
}

syncd_brings_a_policy_of_ten_thousand_people() {
  wait_for is gatehouse-syncd ActiveState active
  wait_for status_says "policy *epoch 1, revision 1,"
  wait_for status_says "cloud *online"
  cat /run/status
}

a_reader_is_added_and_what_it_reads_over_TLS_opens_the_door() {
  local reader
  for reader in r-front r-gate r-vault; do mkdir -p $kept/$reader; gatehousectl reader add $reader --out $kept/$reader; done
  expect "0 1" "$(level 0) $(level 1)"
  is_let_in r-front $staff_card first-1
  is_level 0 1
  wait_for is_level 0 0
  is_let_in r-vault $staff_card first-2
  is_level 1 0
  wait_for is_level 1 1
  # While the hour is known.
  is_let_in r-front $shift_card first-3
  answer_is '"reason":"credential_unknown"' r-front FFFF first-4
  expect "2 1" "$(edges 0 1 | wc -l) $(edges 1 0 | wc -l)"
}

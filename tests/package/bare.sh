# shellcheck shell=bash
# Where no systemd runs: an image that is being made, a container. To be sourced by ./run.

it_installs_with_what_it_depends_on() {
  install_deb "$deb"
  box dpkg --audit
  expect "ok installed" "$(box dpkg-query -W -f='${db:Status-Want} ${db:Status-Status}' gatehouse | sed 's/install /ok /')"
}

# Mode, owner and group of all that an installation makes outside /usr.
files_have_their_owners_and_modes() {
  local found
  found=$(box sh -c 'find /etc/gatehouse /var/lib/gatehouse /run/gatehouse -printf "%m %u:%g %p\n" | sort -k 3')
  echo "$found"
  local line
  for line in "755 root:root /etc/gatehouse" "644 root:root /etc/gatehouse/gatehouse.conf" \
              "644 root:root /etc/gatehouse/mosquitto.conf" "640 root:gatehouse /etc/gatehouse/broker.password" \
              "750 root:mosquitto /etc/gatehouse/broker" "600 root:root /etc/gatehouse/broker/ca.key" \
              "640 root:mosquitto /etc/gatehouse/broker/server.key" "600 mosquitto:mosquitto /etc/gatehouse/broker/accounts" \
              "600 mosquitto:mosquitto /etc/gatehouse/broker/acl" "750 gatehouse:gatehouse /var/lib/gatehouse" \
              "750 gatehouse:gatehouse /run/gatehouse"; do
    grep -qxF "$line" <<< "$found" || { echo "missing: $line"; return 1; }
  done
  expect gatehouse "$(box stat -c %U /var/lib/gatehouse)"
  box sh -c 'id -nG gatehouse | tr " " "\n" | grep -qx gpio'
  # Nobody but root changes a program or what it reads.
  expect "" "$(box sh -c 'dpkg -L gatehouse | while read -r f; do find "$f" -maxdepth 0 \( ! -user root -o -perm /022 \) ! -type l; done')"
}

no_door_is_driven_as_it_is_installed() {
  local said
  said=$(box gatehousectl config check)
  echo "$said"
  grep -q '^no doors:' <<< "$said"
  grep -q ': good$' <<< "$said"
}

every_program_runs_and_says_its_version() {
  local p version
  version=$(box dpkg-query -W -f='${Version}' gatehouse)
  for p in gatehoused gatehouse-syncd gatehouse-safe gatehousectl; do
    expect "${version%+deb*}" "$(box "$p" --version)"
  done
}

the_units_are_in_order_and_enabled() {
  local unit found
  for unit in gatehouse-hold gatehoused gatehouse-syncd; do
    expect enabled "$(box systemctl is-enabled "$unit")"
    found=$(box systemd-analyze verify "$unit.service" 2>&1 | grep -i gatehouse || true)
    expect "" "$found"
  done
}

mosquitto_waits_for_no_network_and_has_our_configuration() {
  expect /usr/share/gatehouse/mosquitto.service "$(box readlink /etc/systemd/system/mosquitto.service)"
  box systemd-analyze cat-config systemd/system/mosquitto.service > "$work/unit"
  # What stands last counts.
  expect "ExecStart=/usr/sbin/mosquitto -c /etc/gatehouse/mosquitto.conf" "$(grep '^ExecStart=' "$work/unit" | tail -n 1)"
  expect "" "$(grep -E '^(After|Wants|Requires)=.*network' "$work/unit")"
}

texts_lead_to_texts_that_are_there() {
  box sh -c '
    cd /usr/share/doc/gatehouse
    find . -name "*.md" | while read -r f; do
      grep -oE "\]\([^)#:]+" "$f" | cut -c 3- | while read -r to; do
        [ -e "$(dirname "$f")/$to" ] || echo "$f: $to"
      done
    done' | sort > "$work/dangling"
  # What only the source has is named there.
  grep -vE ': (\.\./)*(tests|\.\./tests)/|: .*(tests|scripts|campaigns|naive|mutation|hardware)/' "$work/dangling" > "$work/bad" || true
  expect "" "$(cat "$work/bad")"
}

a_removal_keeps_what_makes_this_box_this_box() {
  box sh -c 'echo secret > /var/lib/gatehouse/device.key; mkdir -p /etc/gatehouse/broker; echo ca > /etc/gatehouse/broker/ca.key; echo "# mine" >> /etc/gatehouse/gatehouse.conf'
  box apt-get remove -y -qq gatehouse
  absent /usr/sbin/gatehoused
  absent /usr/lib/systemd/system/mosquitto.service.d/gatehouse.conf
  expect "" "$(box find /etc/systemd/system -name mosquitto.service -lname '*gatehouse*')"
  expect secret "$(box cat /var/lib/gatehouse/device.key)"
  expect ca "$(box cat /etc/gatehouse/broker/ca.key)"
  expect "# mine" "$(box tail -n 1 /etc/gatehouse/gatehouse.conf)"
}

what_was_removed_can_be_installed_again() {
  install_deb "$deb"
  expect secret "$(box cat /var/lib/gatehouse/device.key)"
  expect "# mine" "$(box tail -n 1 /etc/gatehouse/gatehouse.conf)"
}

a_purge_leaves_nothing_but_the_user() {
  box apt-get purge -y -qq gatehouse
  expect "" "$(box find / -xdev -name '*gatehouse*' ! -path '/proc/*' ! -path '/tmp/*' ! -path '/var/cache/apt/*' ! -path '/var/log/*')"
  box id gatehouse
}

bare_tests() {
  local t
  for t in "it installs with what it depends on" "files have their owners and modes" \
           "no door is driven as it is installed" "every program runs and says its version" \
           "the units are in order and enabled" "mosquitto waits for no network and has our configuration" \
           "texts lead to texts that are there" \
           "a removal keeps what makes this box this box" "what was removed can be installed again" \
           "a purge leaves nothing but the user"; do
    check "$1" "$t"
  done
}

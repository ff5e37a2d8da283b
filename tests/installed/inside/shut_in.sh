# shellcheck shell=bash disable=SC2154 # what the other parts set
# The sandboxes, asked of the daemons that run and not of their units: a kernel, or a systemd, that
# leaves one out says nothing.

is_refused() { # what it says, command...
  local why=$1
  shift
  if "$@" >/run/refused 2>&1; then echo "it may: $*"; return 1; fi
  grep -q "$why" /run/refused || { cat /run/refused; return 1; }
}
# In its place even root may do no more: among its processes, in the files that it sees.
among() ( # unit, command...
  echo "$BASHPID" > "/sys/fs/cgroup/system.slice/$1.service/cgroup.procs"
  shift
  "$@"
)
in_the_files_of() { # process, command...
  local pid=$1
  shift
  nsenter --target "$pid" --mount -- "$@"
}

each_daemon_that_runs_is_shut_in() {
  [ -e /dev/other ] || mknod -m 666 /dev/other c 1 11 # a device that nobody needs
  : < /dev/other
  local unit pid
  for unit in mosquitto gatehouse-hold gatehoused gatehouse-syncd; do
    pid=$(of $unit MainPID)
    echo "$unit is $pid"
    grep -P '^(Seccomp|NoNewPrivs|CapEff):' "/proc/$pid/status"
    grep -qP '^Seccomp:\t2$' "/proc/$pid/status"
    grep -qP '^NoNewPrivs:\t1$' "/proc/$pid/status"
    grep -qP '^CapEff:\t0{16}$' "/proc/$pid/status"
    is_refused 'Operation not permitted' among $unit bash -c ': < /dev/other'
    is_refused 'Read-only file system' in_the_files_of "$pid" touch /etc/probe
    is_refused 'Read-only file system' in_the_files_of "$pid" touch /usr/probe
  done
}

# The same units around a program that tries.
probe() {
  local unit=$1
  shift
  cp /exchange/probe.pl /run/probe.pl
  [ -e /dev/other ] || mknod -m 666 /dev/other c 1 11
  ip address replace 198.51.100.1/32 dev lo # of the box, but not its loopback's
  systemctl cat "$unit" |
    grep -vE '^(Type|ExecStart|ExecStopPost|ExecCondition|Watchdog.*|Restart.*|After|Wants)=' |
    sed "s#^\[Service\]#&\nType=oneshot\nSyslogIdentifier=probe-$unit\nExecStart=/usr/bin/perl /run/probe.pl $*#" \
    > "/run/systemd/system/probe-$unit.service"
  systemctl daemon-reload
  local status=0
  systemctl start "probe-$unit.service" || status=$?
  journalctl --no-pager -q -o cat -t "probe-$unit"
  return $status
}
a_program_in_the_place_of_a_daemon_may_do_no_more_than_it_needs() {
  probe gatehoused asks-clock loopback
  probe gatehouse-hold
  probe gatehouse-syncd asks-clock internet
}

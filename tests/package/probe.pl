# What a unit's sandbox lets through, from inside it. Arguments: what is allowed beyond the
# least: asks-clock, loopback, internet. Exits with 1 if anything is not as it must be.
use strict;
use warnings;
use Socket;

use constant {NETLINK => 16, PACKET => 17};

my %may = map { $_ => 1 } @ARGV;
my $wrong = 0;

sub found {
    my ($good, $what) = @_;
    $wrong++ unless $good;
    print +($good ? "as it must be" : "WRONG"), ": $what\n";
}

# A call, and whether it must succeed; the error it had is told.
sub call {
    my ($must, $what, $done) = @_;
    $! = 0;
    my $ok = $done->();
    found(!!$ok == !!$must, $what . ($ok ? " is allowed" : " fails: $!"));
}

my %number = (
    x86_64  => {adjtimex => 159, clock_adjtime => 305, clock_settime => 227},
    aarch64 => {adjtimex => 171, clock_adjtime => 266, clock_settime => 112},
);
chomp(my $machine = `uname -m`);
my $call = $number{$machine};

if ($call) {
    my $timex = "\0" x 256;
    my $time = pack('qq', time, 0);
    # An unsynchronised clock is an answer (5), too.
    call($may{'asks-clock'}, 'adjtimex', sub { syscall($call->{adjtimex}, $timex) >= 0 });
    call($may{'asks-clock'}, 'clock_adjtime', sub { syscall($call->{clock_adjtime}, 0, $timex) >= 0 });
    call(0, 'clock_settime', sub { syscall($call->{clock_settime}, 0, $time) == 0 });
}

sub socket_of { my ($family, $type) = @_; my $s; return socket($s, $family, $type, 0) ? $s : undef }
sub reaches {
    my ($address) = @_;
    my $s = socket_of(AF_INET, SOCK_DGRAM) or return 0;
    return defined send($s, 'x', 0, sockaddr_in(9, inet_aton($address)));
}
call(1, 'a Unix socket', sub { socket_of(AF_UNIX, SOCK_STREAM) });
call($may{internet}, 'a netlink socket', sub { socket_of(NETLINK, SOCK_DGRAM) });
call(0, 'a packet socket', sub { socket_of(PACKET, SOCK_DGRAM) });
call($may{loopback} || $may{internet}, 'a packet to 127.0.0.1', sub { reaches('127.0.0.1') });
call($may{internet}, 'a packet to another address', sub { reaches('198.51.100.1') });

call(0, 'a file in /etc/gatehouse', sub { open(my $f, '>', '/etc/gatehouse/probe') });
call(0, 'a file in /usr', sub { open(my $f, '>', '/usr/probe') });
call(0, 'another device', sub { open(my $f, '<', '/dev/other') });
call(1, '/dev/null', sub { open(my $f, '<', '/dev/null') });
call(0, 'the processes of others', sub { -e '/proc/1/cmdline' });
call(0, 'a file that runs as its owner', sub { open(my $f, '>', '/tmp/probe') && chmod(04755, '/tmp/probe') });
found(`grep CapEff /proc/self/status` =~ /0{16}$/, 'no capability is there');
found(`grep NoNewPrivs /proc/self/status` =~ /1$/, 'no new privileges are to be had');
exit($wrong ? 1 : 0);

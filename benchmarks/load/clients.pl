# Clients like PHP's: a blocking connect, one request, its answer, close. They are in Perl, because connecting costs
# so much in Node that it would hide the cost of the servers. They need only Debian's perl.
#
# perl clients.pl cycle PORT COUNT   runs COUNT clients one after the other; prints the µs of each, one per line
# perl clients.pl storm PORT COUNT   runs COUNT at once; prints the µs from each connect to its first answer

use strict;
use warnings;
use Socket;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($mode, $port, $count) = @ARGV;
my $address = pack_sockaddr_in($port, inet_aton('127.0.0.1'));
# memcached and Redis both read it as a line, and answer that the key does not exist.
my $request = "get nothing\r\n";
my $timeout_seconds = 30;

sub now_us { return clock_gettime(CLOCK_MONOTONIC) * 1e6 }

sub connected {
    socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    setsockopt($socket, SOL_SOCKET, SO_RCVTIMEO, pack('l!2', $timeout_seconds, 0)) or die "limit: $!\n";
    connect($socket, $address) or die "connect: $!\n";
    syswrite($socket, $request) or die "write: $!\n";
    return $socket;
}

sub answered {
    my ($socket) = @_;
    sysread($socket, my $answer, 64) or die "no answer: $!\n";
    $answer =~ /^(?:END|\$-1)\r\n\z/ or die "not an answer: $answer\n";
    return;
}

my @taken_us;
if ($mode eq 'cycle') {
    for (1 .. $count) {
        my $since = now_us();
        my $socket = connected();
        answered($socket);
        close($socket);
        push @taken_us, now_us() - $since;
    }
}
else {
    my (%socket_of, %since_of);
    my $waiting = '';
    for (1 .. $count) {
        my $since = now_us();
        my $socket = connected();
        my $fd = fileno($socket);
        $socket_of{$fd} = $socket;
        $since_of{$fd} = $since;
        vec($waiting, $fd, 1) = 1;
    }
    while (%socket_of) {
        my $ready = select(my $readable = $waiting, undef, undef, $timeout_seconds);
        $ready > 0 or die "no answer in $timeout_seconds s\n";
        for my $fd (grep { vec($readable, $_, 1) } keys %socket_of) {
            answered($socket_of{$fd});
            push @taken_us, now_us() - $since_of{$fd};
            delete $socket_of{$fd};
            vec($waiting, $fd, 1) = 0;
        }
    }
}
print map { sprintf("%.0f\n", $_) } @taken_us;

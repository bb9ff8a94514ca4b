#!/usr/bin/env perl
# A worker: adds up a part of the Leibniz series, whose sum is pi/4. The input
# of a unit is {"from": N, "count": N}, its result a number.
use strict;
use warnings;
use JSON::PP;

$| = 1;    # flush after every line
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub say_line { print $json->encode({@_}), "\n" }

while (my $text = <STDIN>) {
    my $line = eval { $json->decode($text) };
    next unless ref $line eq 'HASH' && defined $line->{type};
    my $type = $line->{type};
    if ($type eq 'hello') {
        say_line(type => 'ready', proto => 1);
    } elsif ($type eq 'ping') {
        say_line(type => 'pong', id => $line->{id});
    } elsif ($type eq 'stop') {
        last;
    } elsif ($type eq 'work') {
        my $unit = $line->{input};
        if (ref $unit ne 'HASH' || !defined $unit->{from} || !defined $unit->{count}) {
            say_line(type => 'error', id => $line->{id}, code => 'input', message => 'from and count are needed');
            next;
        }
        my $sum = 0;
        for my $k ($unit->{from} .. $unit->{from} + $unit->{count} - 1) {
            $sum += ($k % 2 ? -1 : 1) / (2 * $k + 1);
        }
        # a number, written in the same way everywhere
        print sprintf('{"type":"result","id":%d,"data":%.15g}', $line->{id}, $sum), "\n";
    }
}

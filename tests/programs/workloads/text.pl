# SPDX-License-Identifier: Apache-2.0
# Hashes, regular expressions, sorting, closures, fork and interpreter threads. Argument: rounds.
use strict;
use warnings;
use threads;
use List::Util qw(sum0 reduce);
use Digest::SHA qw(sha256_hex);

my ($rounds) = @ARGV;
my $state = 20240229;

sub next_number {
    $state = ($state * 1103515245 + 12345) % 2147483648;
    return $state >> 8;
}

sub words {
    my ($count) = @_;
    return map { join '', map { chr(97 + next_number() % 26) } 1 .. 3 + next_number() % 6 } 1 .. $count;
}

my %count;
my $text = '';
for my $round (1 .. $rounds) {
    my @words = words(2000);
    $count{$_}++ for @words;
    $text .= join(' ', @words) . "\n";
}
my @common = (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 9];
print "common @common\n";
printf "text %d %s\n", length $text, sha256_hex($text);

(my $changed = $text) =~ s/([aeiou])([^aeiou\s])/$2$1/g;
my @vowels = $changed =~ /\b[aeiou]\w+/g;
printf "changed %d %s\n", scalar @vowels, sha256_hex($changed);

my @tree = map { { name => "node $_", kids => [map { [$_, "x" x ($_ % 40)] } 1 .. 20] } } 1 .. $rounds * 50;
printf "tree %d\n", sum0 map { sum0 map { length $_->[1] } @{ $_->{kids} } } @tree;
@tree = ();

my @adders = map { my $n = $_; sub { return $_[0] + $n } } 1 .. 5000;
printf "closures %d\n", reduce { $b->($a) } 0, @adders;
printf "sprintf %d\n", length join ',', map { sprintf '%08.3f|%-10s', $_ / 7, $_ } 1 .. $rounds * 500;

my @threads = map {
    my $place = $_;
    threads->create(sub { return scalar grep { $_ % $place == 0 } map { $_ * 3 } 1 .. 20000 });
} 1 .. 4;
print 'threads ', join(' ', map { $_->join } @threads), "\n";

for my $child (1 .. 5) {
    my $pid = open(my $pipe, '-|') // die "fork: $!";
    if (!$pid) {
        print join('', map { chr(65 + $_ % 26) } 1 .. $child * 10);
        exit 0;
    }
    local $/;
    print "child $child: ", <$pipe>, "\n";
    close $pipe or die "child: $?";
}

<?php
// Runs every command of php-memcached against HOST PORT text|binary; exits non-zero at the first wrong answer.

[, $host, $port, $protocol] = $argv;
$checks = 0;

function check(string $what, $got, $wanted): void {
    global $checks;
    $checks++;
    if ($got !== $wanted) {
        fwrite(STDERR, "$what: got " . var_export($got, true) . ', wanted ' . var_export($wanted, true) . "\n");
        exit(1);
    }
}

$client = new Memcached();
$client->setOption(Memcached::OPT_BINARY_PROTOCOL, $protocol === 'binary');
$client->setOption(Memcached::OPT_TCP_NODELAY, true);
$client->addServer($host, (int) $port);
check('flush', $client->flush(), true);

foreach (['text', '', "bytes\0\r\n", 17, 1.5, true, null, ['a' => [1, null]], 'ünïcödé'] as $value) {
    check('set', $client->set('k', $value), true);
    check('get', $client->get('k'), $value);
}
check('get missing', $client->get('missing'), false);
check('get missing code', $client->getResultCode(), Memcached::RES_NOTFOUND);
check('add existing', $client->add('k', 'x'), false);
$refusal = $protocol === 'binary' ? Memcached::RES_DATA_EXISTS : Memcached::RES_NOTSTORED;
check('add existing code', $client->getResultCode(), $refusal);
check('add', $client->add('fresh', 'x'), true);
check('replace missing', $client->replace('missing', 'x'), false);
check('replace', $client->replace('k', 'middle'), true);
$client->setOption(Memcached::OPT_COMPRESSION, false);
check('append', $client->append('k', ' end'), true);
check('prepend', $client->prepend('k', 'start '), true);
check('append missing', $client->append('missing', 'x'), false);
check('joined', $client->get('k'), 'start middle end');

$many = [];
for ($i = 0; $i < 300; $i++) {
    $many["many:$i"] = "value $i";
}
check('setMulti', $client->setMulti($many), true);
check('getMulti', $client->getMulti(array_keys($many)), $many);
check('deleteMulti', $client->deleteMulti(['many:0', 'missing']), ['many:0' => true, 'missing' => Memcached::RES_NOTFOUND]);
check('getDelayed', $client->getDelayed(['many:1', 'many:2'], true), true);
check('fetchAll', count($client->fetchAll()), 2);

$got = $client->get('k', null, Memcached::GET_EXTENDED);
check('extended', $got['value'], 'start middle end');
check('cas', $client->cas($got['cas'], 'k', 'swapped'), true);
check('cas again', $client->cas($got['cas'], 'k', 'late'), false);
check('cas again code', $client->getResultCode(), Memcached::RES_DATA_EXISTS);
check('after cas', $client->get('k'), 'swapped');

$client->set('n', 10);
check('increment', $client->increment('n', 5), 15);
check('decrement', $client->decrement('n', 6), 9);
check('decrement floor', $client->decrement('n', 600), 0);
check('increment missing', @$client->increment('missing', 1), false);
if ($protocol === 'binary') {
    check('increment with a start', $client->increment('started', 1, 40), 40);
    check('increment of it', $client->increment('started', 2, 40), 42);
}

check('touch', $client->touch('k', 100), true);
check('touch missing', $client->touch('missing', 100), false);
check('delete', $client->delete('k'), true);
check('delete again', $client->delete('k'), false);

check('too large', $client->set('big', str_repeat('x', 1024 * 1024 + 1)), false);
check('too large code', in_array($client->getResultCode(), [Memcached::RES_E2BIG, 37], true), true);
check('after an error', $client->set('k', 'fine'), true);

$stats = current($client->getStats());
check('stats', $stats['pid'] > 0 && isset($stats['curr_items'], $stats['cmd_get']), true);
check('version', strncmp(current($client->getVersion()), '1.6.', 4), 0);
check('flush', $client->flush(), true);
check('flushed', $client->get('k'), false);
echo "$checks checks\n";

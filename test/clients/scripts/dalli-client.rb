# Runs every command of dalli (this version speaks binary only) against HOST PORT; exits non-zero at the first wrong answer.
require 'dalli'
require 'logger'

host, port = ARGV
$checks = 0
Dalli.logger = Logger.new(File::NULL)

def check(what, got, wanted)
  $checks += 1
  abort "#{what}: got #{got.inspect}, wanted #{wanted.inspect}" unless got == wanted
end

def check_raises(what, kind)
  $checks += 1
  got = yield
  abort "#{what}: got #{got.inspect}, wanted #{kind}"
rescue kind
  nil
end

client = Dalli::Client.new("#{host}:#{port}", socket_timeout: 10, value_max_bytes: 4 * 1024 * 1024)
client.flush_all

['text', '', "bytes\x00\r\n".b, 17, nil, { 'a' => [1, nil] }, 'ünïcödé ☃'].each do |value|
  client.set('k', value)
  check("get #{value.inspect}", client.get('k'), value)
end
check('get missing', client.get('missing'), nil)
check('add existing', client.add('k', 'x'), false)
check('add', !!client.add('fresh', 'x'), true)
# This version of dalli gives 0 for it.
check('replace missing', [0, false, nil].include?(client.replace('missing', 'x')), true)
client.set('k', 'middle', 0, raw: true)
client.append('k', ' end')
client.prepend('k', 'start ')
check('joined', client.get('k', raw: true), 'start middle end')
check('a key with spaces and snow', !!client.set('k with ☃', 'odd'), true)
check('its value', client.get('k with ☃'), 'odd')

client.multi { 200.times { |i| client.set("many:#{i}", "value #{i}") } }
keys = (0...200).map { |i| "many:#{i}" }
found = client.get_multi(*keys, 'missing')
check('get_multi', found.size, 200)
check('get_multi value', found['many:199'], 'value 199')
check('get_multi_cas', client.get_multi_cas('many:0', 'many:1').size, 2)

value, token = client.get_cas('many:0')
check('get_cas', value, 'value 0')
check('set_cas', !!client.set_cas('many:0', 'swapped', token), true)
check('set_cas again', client.set_cas('many:0', 'late', token), false)
check('cas', !!client.cas('many:0') { |old| "#{old} twice" }, true)
check('after cas', client.get('many:0'), 'swapped twice')
check('delete_cas', client.delete_cas('many:1', 1), false)

check('incr with a start', client.incr('n', 5, nil, 10), 10)
check('incr', client.incr('n', 5), 15)
check('decr', client.decr('n', 6), 9)
check('decr floor', client.decr('n', 600), 0)
check('incr missing', client.incr('missing', 1), nil)
client.set('t', 'text', nil, raw: true)
check_raises('incr text', Dalli::DalliError) { client.incr('t', 1) }

check('touch', client.touch('many:2', 100), true)
check('touch missing', client.touch('missing', 100), nil)
check('gat', client.gat('many:2', 100), 'value 2')
check('fetch', client.fetch('fetched', 100) { 'made' }, 'made')
check('fetched', client.get('fetched'), 'made')
check('delete', client.delete('many:2'), true)
check('delete again', !!client.delete('many:2'), false)

check_raises('too large', Dalli::DalliError) do
  client.set('big', Random.bytes(1024 * 1024 + 1), nil, raw: true) || raise(Dalli::DalliError)
end
check('after an error', !!client.set('k', 'fine'), true)

stats = client.stats.values.first
check('stats', stats['pid'].to_i.positive? && stats.key?('curr_items'), true)
check('stats settings', client.stats(:settings).values.first['maxconns'], '1024')
check('version', client.version.values.first.start_with?('1.6.'), true)
check('alive!', !!client.alive!, true)
client.reset_stats
client.flush_all
check('flushed', client.get('k'), nil)
client.close
puts "#{$checks} checks"

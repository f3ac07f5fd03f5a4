// Lua scripts of the Redis store: one for each verb that has to look at an item before it changes it. Each works on one key,
// whose value has the layout of src/cluster/item-bytes.ts.
//
// Invariants:
// - A script either changes its key or answers why it did not. It is one step for all clients.
// - ARGV[1] is the server's time in ms. By it an item expires, whatever Redis's own clock says.
// - A token of 64 bits is 8 bytes. It becomes a number only below 2^53, where Lua's numbers are exact.
// - An answer begins with one letter of REPLY. The 8 bytes of the token follow where there is one.

import { createHash } from 'node:crypto';

import { TOKEN_STEP } from './tokens.js';

/** First byte of a script's answer. */
export const REPLY = {
  stored: 'S',
  created: 'C',
  exists: 'E',
  notFound: 'F',
  notStored: 'N',
  notANumber: 'A',
  tooLarge: 'L',
  damaged: 'D',
  hit: 'H',
  wins: 'W',
} as const;

export interface Script {
  readonly text: string;
  /** The digest by which EVALSHA names the script. */
  readonly sha: string;
}

/** Lua: the header and the expiry of the live item; nil when there is none, 'D' when the bytes are no item. */
const HEADER = `
local now = tonumber(ARGV[1])
local function checked(bytes)
  if #bytes == 0 then return nil end
  if #bytes < 24 or string.byte(bytes) ~= 1 then return 'D' end
  local expiry = struct.unpack('>I8', bytes, 17)
  if expiry ~= 0 and expiry <= now then return nil end
  return bytes, expiry
end
local function header()
  return checked(redis.call('GETRANGE', KEYS[1], 0, 23))
end
`;

/**
 * Lua: the token after `old`. It is the candidate, or, if that is not larger, the next number that ends like the candidate and is
 * odd, because all candidates are even (tokens.ts). A token of 2^53 and more was chosen by a client, and no token is counted from it.
 */
const NEXT_TOKEN = `
local function nextToken(old, candidate)
  local o = struct.unpack('>I8', old)
  local c = struct.unpack('>I8', candidate)
  if o < c or string.byte(old) ~= 0 or string.byte(old, 2) >= 32 then return candidate end
  return struct.pack('>I8', o - o % ${TOKEN_STEP} + ${TOKEN_STEP} + c % ${TOKEN_STEP} + 1)
end
`;

/** Lua: gives the key its expiry in Redis too; '0' means never. */
const EXPIRE = `
local function expire(expiry)
  if expiry == '0' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIREAT', KEYS[1], expiry) end
end
local function store(bytes, expiry)
  if expiry == '0' then redis.call('SET', KEYS[1], bytes) else redis.call('SET', KEYS[1], bytes, 'PXAT', expiry) end
end
`;

/**
 * ARGV: now, mode (s, r, a add, p append, q prepend), item, its expiry, compared token or '', letters (c the token is
 * chosen, i invalidates, k keeps the expiry, v creates what it would join), most bytes of a value.
 */
const PUT = `
local mode, item, expiry, compare, letters = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local function has(letter) return string.find(letters, letter, 1, true) ~= nil end
local function isLess(a, b)
  for at = 1, 8 do
    local x, y = string.byte(a, at), string.byte(b, at)
    if x ~= y then return x < y end
  end
  return false
end
local sets, joins = mode == 's' or mode == 'r', mode == 'p' or mode == 'q'
local old, oldExpiry = header()
if old == 'D' then return 'D' end
if not old then
  if sets and compare ~= '' then return 'F' end
  if mode == 'r' or (joins and not has('v')) then return 'N' end
  store(item, expiry)
  return 'S' .. string.sub(item, 9, 16) .. (#item - 24)
end
local oldToken = string.sub(old, 9, 16)
if mode == 'a' then return 'N' .. oldToken end
local stale = false
if compare ~= '' and compare ~= oldToken then
  stale = sets and has('i') and compare ~= string.rep('\\0', 8) and isLess(compare, oldToken)
  if not stale then return 'E' .. oldToken end
end
local token = string.sub(item, 9, 16)
if not has('c') then token = nextToken(oldToken, token) end
if joins then
  local bytes = redis.call('STRLEN', KEYS[1]) - 24 + #item - 24
  if bytes > tonumber(ARGV[7]) then return 'L' end
  local head = '\\4\\0\\0' .. string.sub(old, 5, 8) .. token
  if mode == 'p' then
    redis.call('APPEND', KEYS[1], string.sub(item, 25))
    redis.call('SETRANGE', KEYS[1], 1, head)
  else
    local rest = redis.call('GETRANGE', KEYS[1], 24, -1)
    local joined = '\\1' .. head .. string.sub(old, 17, 24) .. string.sub(item, 25) .. rest
    redis.call('SET', KEYS[1], joined, 'KEEPTTL')
  end
  return 'S' .. token .. bytes
end
local marks, expiryBytes = '\\4', string.sub(item, 17, 24)
if stale then
  local won = math.floor(string.byte(old, 2) / 2) % 2
  marks = string.char(4 + 1 + 2 * won)
end
local keeps = stale or has('k')
if keeps then expiryBytes = string.sub(old, 17, 24) end
local bytes = '\\1' .. marks .. string.sub(item, 3, 8) .. token .. expiryBytes .. string.sub(item, 25)
if keeps then redis.call('SET', KEYS[1], bytes, 'KEEPTTL') else store(bytes, expiry) end
return 'S' .. token .. (#bytes - 24)
`;

/** Lua: arithmetic on unsigned numbers as decimal digits without leading zeros, which is exact where Lua's numbers are not. */
const DECIMALS = `
local MODULUS = '18446744073709551616'
local function isBelow(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local function combine(a, b, sign)
  local digits, carry = {}, 0
  for at = 0, math.max(#a, #b) - 1 do
    local x = at < #a and string.byte(a, #a - at) - 48 or 0
    local y = at < #b and string.byte(b, #b - at) - 48 or 0
    local sum = x + sign * y + carry
    carry = math.floor(sum / 10)
    table.insert(digits, 1, sum % 10)
  end
  if carry > 0 then table.insert(digits, 1, carry) end
  local text = string.gsub(table.concat(digits), '^0+', '')
  return text == '' and '0' or text
end
local function changed(number, delta, isUp)
  if not isUp then
    if isBelow(number, delta) then return '0' end
    return combine(number, delta, -1)
  end
  local sum = combine(number, delta, 1)
  if isBelow(sum, MODULUS) then return sum end
  return combine(sum, MODULUS, -1)
end
local function parsed(value)
  if #value > 64 then return nil end
  local digits, behind = string.match(value, '^%s*%+?(%d+)([^%d]?)')
  if not digits or not string.match(behind, '^[%s%z]?$') then return nil end
  digits = string.gsub(digits, '^0+', '')
  if digits == '' then digits = '0' end
  if not isBelow(digits, MODULUS) then return nil end
  return digits
end
`;

/**
 * ARGV: now, candidate, direction (i, d), delta, compared token or '', letters (c the candidate is chosen), new expiry or '',
 * the item to create or '', its expiry.
 */
const ARITHMETIC = `
local candidate, delta, compare, expiry = ARGV[2], ARGV[4], ARGV[5], ARGV[7]
local bytes = redis.call('GETRANGE', KEYS[1], 0, 24 + 64)
local old, oldExpiry = checked(bytes)
if old == 'D' then return 'D' end
if not old then
  if ARGV[8] == '' then return 'F' end
  store(ARGV[8], ARGV[9])
  return 'C' .. string.sub(ARGV[8], 9, 16)
end
local value, oldToken = string.sub(bytes, 25), string.sub(bytes, 9, 16)
if value == '' then return 'A' end
if compare ~= '' and compare ~= oldToken then return 'E' .. oldToken end
local number = parsed(value)
if not number then return 'A' end
number = changed(number, delta, ARGV[3] == 'i')
local token = candidate
if ARGV[6] == '' then token = nextToken(oldToken, candidate) end
local text = number .. string.rep(' ', #value - #number)
local head = string.sub(bytes, 1, 8) .. token
if expiry == '' then
  redis.call('SET', KEYS[1], head .. string.sub(bytes, 17, 24) .. text, 'KEEPTTL')
else
  store(head .. struct.pack('>I8', tonumber(expiry)) .. text, expiry)
end
return 'S' .. token .. string.sub(bytes, 17, 24) .. number
`;

/** ARGV: now, new expiry. */
const TOUCH = `
local old = header()
if old == 'D' then return 'D' end
if not old then return 'F' end
redis.call('SETRANGE', KEYS[1], 16, struct.pack('>I8', tonumber(ARGV[2])))
expire(ARGV[2])
return 'S' .. string.sub(old, 9, 16)
`;

/**
 * ARGV: now, candidate, compared token or '', letters (c the candidate is chosen, i invalidates, d drops the value), new
 * expiry or ''.
 */
const DELETE = `
local candidate, compare, letters, expiry = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local function has(letter) return string.find(letters, letter, 1, true) ~= nil end
local old = header()
if old == 'D' then return 'D' end
if not old then return 'F' end
local oldToken = string.sub(old, 9, 16)
if compare ~= '' and compare ~= oldToken then return 'E' .. oldToken end
if not has('i') and not has('d') then
  redis.call('DEL', KEYS[1])
  return 'S'
end
local token, marks, flags = candidate, string.sub(old, 2, 2), string.sub(old, 5, 8)
if not has('c') then token = nextToken(oldToken, candidate) end
if has('i') then marks = '\\5' end
if has('d') then flags = '\\0\\0\\0\\0' end
local expiryBytes = string.sub(old, 17, 24)
if expiry ~= '' then expiryBytes = struct.pack('>I8', tonumber(expiry)) end
local head = '\\1' .. marks .. '\\0\\0' .. flags .. token .. expiryBytes
if has('d') then
  redis.call('SET', KEYS[1], head, 'KEEPTTL')
else
  redis.call('SETRANGE', KEYS[1], 0, head)
end
if expiry ~= '' then expire(expiry) end
return 'S' .. token
`;

/**
 * ARGV: now, new expiry or '', letters (w may win, l recaches by the new expiry), recache ms, the item to create or '', its
 * expiry. It answers with the item before the change.
 */
const READ = `
local expiry, letters = ARGV[2], ARGV[3]
local bytes = redis.call('GET', KEYS[1]) or ''
local old, oldExpiry = checked(bytes)
if old == 'D' then return 'D' end
if not old then
  if ARGV[5] == '' then return 'F' end
  store(ARGV[5], ARGV[6])
  return 'C' .. ARGV[5]
end
local marks = string.byte(bytes, 2)
local ends = oldExpiry
if expiry ~= '' and string.find(letters, 'l', 1, true) then ends = tonumber(expiry) end
local isShort = ends > 0 and math.ceil((ends - now) / 1000) * 1000 < tonumber(ARGV[4])
local isWon = math.floor(marks / 2) % 2 == 1
local wins = string.find(letters, 'w', 1, true) and not isWon and (marks % 2 == 1 or isShort)
if wins then redis.call('SETRANGE', KEYS[1], 1, string.char(marks + 2)) end
if expiry ~= '' then
  redis.call('SETRANGE', KEYS[1], 16, struct.pack('>I8', tonumber(expiry)))
  expire(expiry)
end
return (wins and 'W' or 'H') .. bytes
`;

/**
 * A write that goes to the replicas and changes nothing there. It makes WAIT ask the replicas, and costs no disk a sync. It is
 * sent as text, so that no node can have forgotten it, and a full memory does not refuse it.
 */
export const BARRIER = `#!lua flags=allow-oom
redis.set_repl(redis.REPL_NONE)
redis.call('SET', KEYS[1], '')
redis.set_repl(redis.REPL_REPLICA)
redis.call('DEL', KEYS[1])
return 1
`;

function script(...parts: readonly string[]): Script {
  const text = parts.join('');
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** Bytes of values after which GETS looks up no further key. */
const GETS_BYTES_MAX = 1024 * 1024;

/** The values of many keys, which may be in many slots of the node. The last keys have no answer where the values are long. */
export const GETS = script(`#!lua flags=no-writes,allow-cross-slot-keys
local found, bytes = {}, 0
for at, key in ipairs(ARGV) do
  local item = redis.pcall('GET', key)
  found[at] = item
  if type(item) == 'string' then bytes = bytes + #item end
  if bytes > ${GETS_BYTES_MAX} then break end
end
return found
`);

/** Sets many keys: ARGV is a key, an item and its expiry or '', again and again. */
export const SETS = script(`#!lua flags=allow-cross-slot-keys
local done = {}
for at = 1, #ARGV, 3 do
  local key, item, expiry = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if expiry == '' then done[#done + 1] = redis.pcall('SET', key, item)
  else done[#done + 1] = redis.pcall('SET', key, item, 'PXAT', expiry) end
end
return done
`);

export const SCRIPTS = {
  put: script(HEADER, NEXT_TOKEN, EXPIRE, PUT),
  arithmetic: script(HEADER, NEXT_TOKEN, EXPIRE, DECIMALS, ARITHMETIC),
  touch: script(HEADER, EXPIRE, TOUCH),
  delete: script(HEADER, NEXT_TOKEN, EXPIRE, DELETE),
  read: script(HEADER, EXPIRE, READ),
  gets: GETS,
  sets: SETS,
} as const;

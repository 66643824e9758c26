-- What a ledger writes down (books.py), in Redis: accounts, and the holds that requests have on them.
--
-- KEYS[1] is the sorted set of open holds by when they lapse; every other key begins as it does, in the same hash slot.
-- ARGV: step, hold or account, now, lease, how long a lapsed hold is remembered and a settled one, how many due holds to
-- look after, and the lines or the amounts used as JSON. Times are microseconds. Numbers are whole and below 2^53, and
-- are written by '%.0f': Lua would write large ones with an exponent.
local DUE = KEYS[1]
local STEP, NAME, NOW, LEASE, LAPSED, SETTLED, MOST = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]),
  tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local function text(number) return string.format('%.0f', number) end
local function millis(us) return text(math.max(1, math.floor(us / 1000))) end

local function read_quota(account)
  local row = redis.call('HMGET', DUE .. ':quota:' .. account, 's', 'r', 'o')
  return {s = tonumber(row[1] or 0), r = tonumber(row[2] or 0), o = tonumber(row[3] or 0)}
end

local function write_quota(account, state, kept_until)
  local key = DUE .. ':quota:' .. account
  redis.call('HSET', key, 's', text(state.s), 'r', text(state.r), 'o', text(state.o))
  if kept_until >= 0 then redis.call('PEXPIRE', key, millis(kept_until - NOW)) end
end

local function read_rate(account) return tonumber(redis.call('GET', DUE .. ':rate:' .. account) or 0) end

-- An empty bucket and none are the same.
local function write_rate(account, empty)
  redis.call('SET', DUE .. ':rate:' .. account, text(empty), 'PX', millis(empty - NOW + 60000000))
end

-- A part is one line of a hold: a quota's bound is its limit and its second number when the account may be forgotten
-- (-1: never), a rate's are units a minute and burst.
local function pack(part)
  return string.format('%s %.0f %.0f %.0f %.0f %.0f %.0f', part.kind, part.amount, part.sunk, part.bound, part.second,
    part.empty, part.own)
end

local function unpack_part(account, packed)
  local kind, amount, sunk, bound, second, empty, own =
    string.match(packed, '^(%a) (%d+) (%d+) (%d+) (%-?%d+) (%d+) (%d+)$')
  return {account = account, kind = kind, amount = tonumber(amount), sunk = tonumber(sunk), bound = tonumber(bound),
    second = tonumber(second), empty = tonumber(empty), own = tonumber(own)}
end

local function hold_key(name) return DUE .. ':hold:' .. name end

local function read_hold(name)
  local fields = redis.call('HGETALL', hold_key(name))
  if #fields == 0 then return nil end
  local hold = {parts = {}}
  for at = 1, #fields, 2 do
    if fields[at] == 'state' then hold.state = fields[at + 1]
    elseif fields[at] == 'due' then hold.due = tonumber(fields[at + 1])
    else
      local account = string.sub(fields[at], 3)
      hold.parts[account] = unpack_part(account, fields[at + 1])
    end
  end
  return hold
end

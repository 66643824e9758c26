-- The steps of posting.py and the arithmetic of rules.py, over Redis. One call is one step, and Redis runs one at a time.
--
-- KEYS[1] is the sorted set of open holds by when they lapse; every other key begins as it does, in the same hash slot.
-- ARGV: step, hold or account, now, lease, how long a lapsed hold is remembered and a settled one, how many due holds to
-- look after, and the lines or the amounts used as JSON. Times are microseconds. Numbers are whole and below 2^53, and
-- are written by '%.0f': Lua would write large ones with an exponent.
local DUE = KEYS[1]
local STEP, NAME, NOW, LEASE, LAPSED, SETTLED, MOST = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]),
  tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local MOST_FLOW = 100000000

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

local function span(units, per_minute)
  local product = math.min(units, MOST_FLOW) * 60000000
  local whole = math.floor(product / per_minute)
  while whole * per_minute < product do whole = whole + 1 end
  while (whole - 1) * per_minute >= product do whole = whole - 1 end
  return whole
end

local function room(state, limit) return math.max(0, limit - state.s - state.r - state.o) end

local function charge(state, covered, used, limit)
  state.s = state.s + math.min(used, covered)
  local excess = math.max(0, used - covered)
  local fits = math.min(excess, room(state, limit))
  state.s = state.s + fits
  state.o = state.o + excess - fits
  return excess - fits
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

local function own_left(part) return math.max(0, math.min(part.own, part.empty - NOW)) end

local function close(part, used, late)
  if part.kind == 'r' then
    if not late then
      local empty = read_rate(part.account)
      local over = span(used, part.bound) - span(part.amount, part.bound)
      if over > 0 then empty = math.max(empty, NOW) + over
      else empty = empty - math.min(-over, own_left(part)) end
      write_rate(part.account, empty)
    end
    return 0
  end
  local state, over = read_quota(part.account), 0
  if late then
    state.s = state.s - part.sunk
    over = charge(state, part.sunk, used, part.bound)
  else
    state.r = state.r - part.amount
    over = charge(state, part.amount, used, part.bound)
  end
  write_quota(part.account, state, part.second)
  return over
end

local function lapse(name, hold)
  for _, part in pairs(hold.parts) do close(part, part.sunk, false) end
  hold.state = 'lapsed'
  redis.call('HSET', hold_key(name), 'state', 'lapsed')
  redis.call('PEXPIRE', hold_key(name), millis(LAPSED))
  redis.call('ZREM', DUE, name)
end

local function lapse_due()
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', text(NOW), 'LIMIT', 0, MOST)) do
    local hold = read_hold(name)
    if hold and hold.state == 'open' then lapse(name, hold) else redis.call('ZREM', DUE, name) end
  end
end

local function current(name)
  lapse_due()
  local hold = read_hold(name)
  if hold and hold.state == 'open' and hold.due <= NOW then lapse(name, hold) end
  return hold
end

-- Returns how each account stands, in the order of the lines, or the first line that there is no room for.
local function take(name, parts, lines)
  local wanted, answer = {}, {'granted'}
  for at, line in ipairs(lines) do
    local kind, account, amount, sunk, bound, second = line[1], line[2], line[3], line[4], line[5], line[6]
    local before = parts[account] or {amount = 0, sunk = 0, empty = 0, own = 0}
    local part = {account = account, kind = kind, amount = math.max(amount, before.amount),
      sunk = math.max(sunk, before.sunk), bound = bound, second = second, empty = before.empty, own = before.own}
    if kind == 'q' then
      local state, extra = read_quota(account), part.amount - before.amount
      if extra > 0 and extra > room(state, bound) then return {'refused', at, extra, state.s, state.r, state.o} end
      state.r = state.r + extra
      wanted[at] = {part = part, state = state}
      answer[at + 1] = {state.s, state.r, state.o}
    else
      local empty, extra = read_rate(account), span(part.amount, bound) - span(before.amount, bound)
      if extra > 0 then
        local poured = math.max(empty, NOW) + extra
        if poured - NOW > span(second, bound) then return {'refused', at, extra, empty} end
        empty, part.own, part.empty = poured, own_left(before) + extra, poured
      end
      wanted[at] = {part = part, empty = empty}
      answer[at + 1] = {empty}
    end
  end
  for _, want in ipairs(wanted) do
    if want.part.kind == 'q' then write_quota(want.part.account, want.state, want.part.second)
    else write_rate(want.part.account, want.empty) end
    redis.call('HSET', hold_key(name), 'p:' .. want.part.account, pack(want.part))
  end
  redis.call('HSET', hold_key(name), 'state', 'open', 'due', text(NOW + LEASE))
  redis.call('ZADD', DUE, text(NOW + LEASE), name)
  return answer
end

local function settle(name, used)
  local hold = current(name)
  if not hold then return {'unknown'} end
  if hold.state == 'settled' then return {'again'} end
  local late = hold.state == 'lapsed'
  local answer = {late and 'late' or 'settled'}
  for account, part in pairs(hold.parts) do
    local over = close(part, used[account] or 0, late)
    if over > 0 then answer[#answer + 1] = {account, over} end
  end
  redis.call('DEL', hold_key(name))
  redis.call('HSET', hold_key(name), 'state', 'settled', 'due', '0')
  redis.call('PEXPIRE', hold_key(name), millis(SETTLED))
  redis.call('ZREM', DUE, name)
  return answer
end

if STEP == 'settle' then return settle(NAME, cjson.decode(ARGV[8])) end
if STEP == 'statement' then
  lapse_due()
  local state = read_quota(NAME)
  return {state.s, state.r, state.o}
end
local hold = current(NAME)
if hold and hold.state ~= 'open' or not hold and STEP == 'extend' then return {'lost'} end
return take(NAME, hold and hold.parts or {}, cjson.decode(ARGV[8]))

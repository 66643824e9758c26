-- The steps of a ledger (posting.py): one run is one step, and Redis runs one at a time.
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

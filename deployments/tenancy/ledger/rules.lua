-- The arithmetic of accounts (rules.py); numbers are whole and below 2^53.
local MOST_FLOW = 100000000

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

local function own_left(part) return math.max(0, math.min(part.own, part.empty - NOW)) end

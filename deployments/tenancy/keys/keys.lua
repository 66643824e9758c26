-- End a key earlier. KEYS[1] is the key's hash; ARGV: when it expires, and when it is revoked ('' for no change). Seconds
-- are written as they came: comparing needs numbers, keeping does not.
local function earlier(field, told)
  if told == '' then return end
  local kept = redis.call('HGET', KEYS[1], field)
  if not kept or tonumber(told) < tonumber(kept) then redis.call('HSET', KEYS[1], field, told) end
end

if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 0 end
earlier('expires_s', ARGV[1])
earlier('revoked_s', ARGV[2])
return 1

-- include call_in_chunks
-- Forgets one call's idempotency keys that are older than 24 hours.
local function forget_keys(b)
  local found = redis.call('ZRANGEBYSCORE', b.key.key_ages, '-inf', b.now, 'LIMIT', 0, 1)
  if not found[1] then
    return
  end
  local gone = {}
  for at = 1, #found[1], 22 do
    gone[#gone + 1] = string.sub(found[1], at, at + 21)
  end
  call_in_chunks('HDEL', b.key.keys, gone)
  redis.call('ZREM', b.key.key_ages, found[1])
end

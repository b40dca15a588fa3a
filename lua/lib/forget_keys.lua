-- include decimal
-- include call_in_chunks
-- Forgets idempotency keys that are older than 24 hours. A mark in `key_ages` says when the keys
-- of all events up to a seq may be forgotten; it is set here, every ten minutes, so that a key
-- costs nothing but its field. Which keys those are is found by looking at some at random, and at
-- more for as long as many of them may go.
local REMEMBER_MS = 86400000
local MARK_EVERY_MS = 600000
local LOOK_AT, TIMES = 20, 50
local function forget_keys(b)
  local ages, keys = b.key.key_ages, b.key.keys
  local latest = decimal(b.now + REMEMBER_MS - MARK_EVERY_MS)
  if not redis.call('ZRANGEBYSCORE', ages, latest, '(+inf', 'LIMIT', 0, 1)[1]
    and redis.call('HLEN', keys) > 1 then
    redis.call('ZADD', ages, 'NX', decimal(b.now + REMEMBER_MS), decimal(b.seq))
  end
  local due = redis.call('ZRANGEBYSCORE', ages, '-inf', decimal(b.now), 'LIMIT', 0, 2)
  local later = tonumber(string.match(due[2] or '', '^%d+$'))
  if due[2] then
    -- The later mark covers what the earlier one does. What older versions wrote (the keys of one
    -- call) is none; the next mark covers those keys.
    redis.call('ZREM', ages, later and due[1] or due[2])
  end
  local mark = later or tonumber(string.match(due[1] or '', '^%d+$'))
  for _ = 1, mark and TIMES or 0 do
    local some, gone = redis.call('HRANDFIELD', keys, LOOK_AT, 'WITHVALUES'), {}
    for i = 1, #some, 2 do
      local seq = tonumber(string.match(some[i + 1], ' (%d+)$'))
      if seq and seq <= mark then
        gone[#gone + 1] = some[i]
      end
    end
    call_in_chunks('HDEL', keys, gone)
    if #gone * 4 < LOOK_AT then
      break
    end
  end
end

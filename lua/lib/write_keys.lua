-- include call_in_chunks
-- include decimal
-- Writes the idempotency keys of this call, and when they may be forgotten.
local REMEMBER_MS = 86400000
local function write_keys(b)
  local set = {}
  for _, field in ipairs(b.new_keys) do
    set[#set + 1] = field
    set[#set + 1] = b.request_keys[field]
  end
  call_in_chunks('HSET', b.key.keys, set)
  if #b.new_keys > 0 then
    redis.call('ZADD', b.key.key_ages, decimal(b.now + REMEMBER_MS), table.concat(b.new_keys))
  end
end

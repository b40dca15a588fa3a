-- include call_in_chunks
-- Writes the idempotency keys of this call.
local function write_keys(b)
  local set = {}
  for _, field in ipairs(b.new_keys) do
    set[#set + 1] = field
    set[#set + 1] = b.request_keys[field]
  end
  call_in_chunks('HSET', b.key.keys, set)
end

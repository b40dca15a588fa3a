-- include call_in_chunks
-- Writes the idempotency keys of this call.
local function write_keys(b)
  local set, fields = {}, b.new_keys
  for i = 1, #fields do
    set[2 * i - 1], set[2 * i] = fields[i], b.request_keys[fields[i]]
  end
  call_in_chunks('HSET', b.key.keys, set)
end

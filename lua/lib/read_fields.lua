-- Reads fields of a hash into `into`, with as few commands as possible: one of its own for each
-- costs as much as the rest of a hold. What is absent there becomes `false`.
local CHUNK = 1000
local function read_fields(key, fields, into)
  local n = #fields
  for from = 1, n, CHUNK do
    local last = math.min(from + CHUNK - 1, n)
    local found = redis.call('HMGET', key, unpack(fields, from, last))
    for i = 1, last - from + 1 do
      into[fields[from + i - 1]] = found[i]
    end
  end
end

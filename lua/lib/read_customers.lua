-- Reads the customers of all operations with as few commands as possible: on a new one a command
-- of its own costs as much as the rest of a hold. ARGV[first] is the first one's id.
local CHUNK = 1000
local function read_customers(b, arguments, first, arity)
  for from = first, #arguments, arity * CHUNK do
    local ids = {}
    for at = from, math.min(from + arity * CHUNK - 1, #arguments), arity do
      ids[#ids + 1] = arguments[at]
    end
    local found = redis.call('HMGET', b.key.customers, unpack(ids))
    for i, id in ipairs(ids) do
      b.read_customers[id] = found[i]
    end
  end
end

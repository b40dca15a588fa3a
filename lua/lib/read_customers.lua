-- include customer_of
-- Reads the customers of all operations with as few commands as possible: on a new one a command
-- of its own costs as much as the rest of a hold. ARGV[first] is the first one's id.
local CHUNK = 1000
local function read_customers(b, arguments, first, arity)
  for from = first, #arguments, arity * CHUNK do
    local ids, n = {}, 0
    for at = from, math.min(from + arity * CHUNK - 1, #arguments), arity do
      n = n + 1
      ids[n] = arguments[at]
    end
    local found = redis.call('HMGET', b.key.customers, unpack(ids))
    for i = 1, n do
      customer_of(b, ids[i], found[i])
    end
  end
end

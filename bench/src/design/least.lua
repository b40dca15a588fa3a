--[[
Hold units of one SKU for many customers at once, until one deadline.

KEYS[1] stock        string  units available
KEYS[2] customers    hash    per customer: units held
KEYS[3] holds        hash    per reservation id: customer, quantity
KEYS[4] deadlines    zset    the ids of a batch by when they expire
KEYS[5] journal      stream  what every batch held
ARGV[1] limit        units that a customer may hold
ARGV[2] deadline     milliseconds since 1970
ARGV[3…] holds, 3 arguments each:
  reservation  id, 22 characters
  customer     id
  quantity     units

Returns a code a hold: 0 held, 1 the customer would pass the limit, 2 there are not enough units.
]]
local limit, N = tonumber(ARGV[1]), 3
local names = {}
for i = 4, #ARGV, N do
  names[#names + 1] = ARGV[i]
end
local counts = redis.call('HMGET', KEYS[2], unpack(names))
local available = tonumber(redis.call('GET', KEYS[1]))
local used, customers, holds, ids, codes = {}, {}, {}, {}, {}
for n = 1, #names do
  local i = N * n
  local id, customer, quantity = ARGV[i], names[n], tonumber(ARGV[i + 2])
  local sum = (used[customer] or tonumber(counts[n] or 0)) + quantity
  if sum > limit then
    codes[n] = 1
  elseif available < quantity then
    codes[n] = 2
  else
    codes[n] = 0
    available = available - quantity
    used[customer] = sum
    local at = #holds
    customers[at + 1], customers[at + 2] = customer, sum
    holds[at + 1], holds[at + 2] = id, customer .. ' ' .. quantity
    ids[#ids + 1] = id
  end
end
if #ids > 0 then
  redis.call('SET', KEYS[1], available)
  redis.call('HSET', KEYS[2], unpack(customers))
  redis.call('HSET', KEYS[3], unpack(holds))
  redis.call('ZADD', KEYS[4], ARGV[2], table.concat(ids))
  redis.call('XADD', KEYS[5], '*', 'e', table.concat(holds, '\n'))
end
return codes

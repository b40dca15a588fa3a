--[[
Hold units of a SKU for a customer until a deadline.

KEYS[1] stock        string  units available
KEYS[2] customers    hash    per customer: units held
KEYS[3] holds        hash    per reservation id: customer, sku, quantity, created, expires
KEYS[4] deadlines    zset    reservation ids by when they expire
ARGV[1] reservation  id, 22 characters
ARGV[2] customer     id
ARGV[3] quantity     units
ARGV[4] limit        units of this SKU that a customer may hold
ARGV[5] deadline     milliseconds since 1970
ARGV[6] hold         what is written into holds

Returns {code, figure}, the first that fits:
  3, 0          the SKU is unknown
  1, used       the customer would pass the limit
  2, available  there are not enough units
  0, 0          held
]]
local quantity = tonumber(ARGV[3])
local available = tonumber(redis.call('GET', KEYS[1]))
if not available then
  return {3, 0}
end
local used = tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or 0)
if used + quantity > tonumber(ARGV[4]) then
  return {1, used}
end
if available < quantity then
  return {2, available}
end
redis.call('DECRBY', KEYS[1], quantity)
redis.call('HINCRBY', KEYS[2], ARGV[2], quantity)
redis.call('HSET', KEYS[3], ARGV[1], ARGV[6])
redis.call('ZADD', KEYS[4], ARGV[5], ARGV[1])
return {0, 0}

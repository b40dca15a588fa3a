-- The Redis server's clock in milliseconds. It decides every deadline.
local function server_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

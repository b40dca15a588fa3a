--[[
Let calls pass as fast as their rate limits allow, or say how long to wait (GCRA). A bucket is the
time up to which it is spoken for; each call that passes moves it on by the limit's interval, and
one that would move it further ahead of the clock than the burst is long has to wait. It belongs to
no drop, and promises nothing: a bucket that is lost is a full one.

ARGV[1…] buckets     one a key of the call, each key once: interval_ns, burst and calls (how many
           ask now), a space between

Returns a text for each, passed left full_ms wait_ms: so many of the calls pass; so many more could
follow at once; so long until the burst is whole again, and until one that has to wait may pass.
Journal: nothing.
]]
-- include decimal
-- include server_ms
-- include whole
local bucket_keys = KEYS
-- The clock is cut to milliseconds; floats hold a ten-thousandth of one until the year 2200.
local TOLERANCE = 0.001

-- Checks
local now = server_ms()
local kept = redis.call('MGET', unpack(bucket_keys))
local times, replies = {}, {}
for i = 1, #ARGV do
  local interval_ns, burst, calls = string.match(ARGV[i], '^(%d+) (%d+) (%d+)$')
  local interval = whole(interval_ns, 'interval_ns') / 1e6
  local capacity = whole(burst, 'burst') * interval
  local time = kept[i] and string.match(kept[i], '^%d+%.%d+$')
  local ahead = math.max(tonumber(time or '0') - now, 0)
  -- No further than a call can have moved it: the clock may have run back, the limit been lowered.
  local cut = ahead > capacity + TOLERANCE
  ahead = math.min(ahead, capacity)
  local room = math.floor((capacity - ahead + TOLERANCE) / interval)
  local passed = math.min(room, whole(calls, 'calls'))
  ahead = ahead + passed * interval
  if passed > 0 or cut then
    times[i] = ahead
  end
  local wait = math.max(math.ceil(ahead + interval - capacity), 1)
  replies[i] = decimal(passed) .. ' ' .. decimal(room - passed) .. ' '
    .. decimal(math.ceil(ahead)) .. ' ' .. decimal(wait)
end

-- Writes
for i, time in pairs(times) do
  local text = string.format('%.4f', now + time)
  redis.call('SET', bucket_keys[i], text, 'PX', math.ceil(time))
end
return replies

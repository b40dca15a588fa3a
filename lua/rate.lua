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
-- Most buckets of a call are whole and of one limit: what is found of one is true of all of those.
local of_whole, found = {}, {}
for i = 1, #ARGV do
  local known = not kept[i] and of_whole[ARGV[i]]
  if not known then
    local interval_ns, burst, calls = string.match(ARGV[i], '^(%d+) (%d+) (%d+)$')
    local interval = whole(interval_ns, 'interval_ns') / 1e6
    local capacity = whole(burst, 'burst') * interval
    local time = kept[i] and string.match(kept[i], '^%d+%.%d+$')
    local ahead = math.max(tonumber(time or '0') - now, 0)
    -- No further than a call can have moved it: the clock may have run back, or the limit been
    -- lowered.
    local cut = ahead > capacity + TOLERANCE
    ahead = math.min(ahead, capacity)
    local room = math.floor((capacity - ahead + TOLERANCE) / interval)
    local passed = math.min(room, whole(calls, 'calls'))
    ahead = ahead + passed * interval
    local full, wait = math.ceil(ahead), math.max(math.ceil(ahead + interval - capacity), 1)
    local reply = decimal(passed) .. ' ' .. decimal(room - passed) .. ' ' .. decimal(full) .. ' '
      .. decimal(wait)
    known = { reply }
    if passed > 0 or cut then
      known[2], known[3] = string.format('%.4f', now + ahead), decimal(full)
    end
    if not kept[i] then
      of_whole[ARGV[i]] = known
    end
  end
  found[i] = known
end

-- Writes
local replies = {}
for i, known in ipairs(found) do
  replies[i] = known[1]
  if known[2] then
    redis.call('SET', bucket_keys[i], known[2], 'PX', known[3])
  end
end
return replies

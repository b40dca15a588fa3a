--[[
Let calls pass as fast as their rate limit allows, or say how long to wait (GCRA). A bucket is the
time up to which it is spoken for; each call that passes moves it on by the limit's interval, and
one that would move it further ahead of the clock than the burst is long has to wait. It belongs to
no drop, and promises nothing: a bucket that is lost is a full one.

The buckets of a limit stand in two hashes that take turns, one a slice of time: in it are those of
which something was taken in that slice, and its number as the field without a name. No bucket is
ahead for longer than a slice, so what stands in neither this slice's nor the one before is whole.
The keys are the hash of slices with even numbers and that of slices with odd ones.

ARGV[1] slice_ms     how long a slice is: no shorter than burst intervals
ARGV[2] interval_ns  from one call to the next
ARGV[3] burst        how many may come at once
ARGV[4] kept_back    so many of them are not given out here: processes may have let that many pass
                     that they have not told of
ARGV[5…] operations, 2 arguments each:
  bucket       its name, each once in a call
  calls        how many ask it

Returns a text for each, passed left full_ms wait_ms: so many of the calls pass; so many more could
follow at once; so long until the burst is whole again, and until one that has to wait may pass.
Journal: nothing.
]]
-- include decimal
-- include server_ms
-- include whole
-- The clock is cut to milliseconds; floats hold a ten-thousandth of one until the year 2200.
local TOLERANCE = 0.001
local slices = KEYS
-- So many arguments of a Redis command can be handed over at once.
local MOST = 4000

-- Checks
local now = server_ms()
local slice_ms = whole(ARGV[1], 'slice_ms')
local interval = whole(ARGV[2], 'interval_ns') / 1e6
local burst, kept_back = whole(ARGV[3], 'burst'), whole(ARGV[4], 'kept_back')
local capacity, given_out = burst * interval, (burst - kept_back) * interval
assert(interval > 0 and slice_ms >= capacity and burst > kept_back, 'limit')
assert(#ARGV < MOST and #ARGV % 2 == 0, 'buckets')
local slice = math.floor(now / slice_ms)
local this, before = slices[slice % 2 + 1], slices[(slice + 1) % 2 + 1]
local fields, asking = { '' }, {}
for i = 5, #ARGV, 2 do
  assert(ARGV[i] ~= '', 'a bucket has a name')
  fields[#fields + 1] = ARGV[i]
  asking[#fields] = ARGV[i + 1]
end
local kept = redis.call('HMGET', this, unpack(fields))
local kept_before = redis.call('HMGET', before, unpack(fields))
local is_ours = kept[1] == decimal(slice)
if kept_before[1] ~= decimal(slice - 1) then
  kept_before = {}
end
-- What a bucket comes to of which a time and so many calls are known: its reply, and if that has
-- changed, its time.
local function reckon(text, calls)
  local time = text and string.match(text, '^%d+%.%d+$')
  local ahead = math.max(tonumber(time or '0') - now, 0)
  -- No further than a call can have moved it: the clock may have run back, or the limit been
  -- lowered.
  local cut = ahead > capacity + TOLERANCE
  ahead = math.min(ahead, capacity)
  local room = math.max(math.floor((given_out - ahead + TOLERANCE) / interval), 0)
  local passed = math.min(room, calls)
  ahead = ahead + passed * interval
  local full, wait = math.ceil(ahead), math.max(math.ceil(ahead + interval - given_out), 1)
  local reply = decimal(passed) .. ' ' .. decimal(room - passed) .. ' ' .. decimal(full) .. ' '
    .. decimal(wait)
  return { reply, (passed > 0 or cut) and string.format('%.4f', now + ahead) }
end
-- Most buckets of a call are whole: what is found of one is true of all that as many calls ask.
local replies, of_whole, writes = {}, {}, { '', decimal(slice) }
for i = 2, #fields do
  local text = is_ours and kept[i] or kept_before[i]
  local calls = asking[i]
  local known = not text and of_whole[calls]
  if not known then
    known = reckon(text, whole(calls, 'calls'))
    if not text then
      of_whole[calls] = known
    end
  end
  replies[i - 1] = known[1]
  if known[2] then
    writes[#writes + 1], writes[#writes + 2] = fields[i], known[2]
  end
end

-- Writes
if #writes > 2 then
  if not is_ours then
    redis.call('UNLINK', this)
  end
  redis.call('HSET', this, unpack(writes))
  if not is_ours then
    redis.call('PEXPIRE', this, decimal(3 * slice_ms))
  end
end
return replies

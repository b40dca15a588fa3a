#!lua flags=allow-oom
--[[
Free the units of holds whose deadline has passed, and let go of what is no longer needed:
ended reservations after ten minutes, idempotency keys after 24 hours.

KEYS[1] meta         hash    epoch, phase, seq, chain, latest_ms; state, times, TTL, limit
KEYS[2] stock        hash    per SKU: available, held, sold (units), limit
KEYS[3] reservations hash    per id: state, customer, created, expires, order, lines
KEYS[4] deadlines    zset    per SKU and deadline: the ids that end then
KEYS[5] customers    hash    per customer: units used per SKU, ids of reservations
KEYS[6] keys         hash    per idempotency key: fingerprint, seq
KEYS[7] key_ages     zset    up to which seq keys may be forgotten, by when
KEYS[8] ended        zset    ended reservations by when they may leave
KEYS[9] journal      stream  what every call changed, in order
ARGV[1] epoch        the caller's; another one refuses the whole call
ARGV[2] durable_seq  highest seq the caller knows to be durable; a drop below it is stale
ARGV[3] engine_ms    the caller's clock: far from the server's, nothing expires
ARGV[4] admit        1: new holds may be taken; 0: the ledger stands still
ARGV[5] tell         1: other engines hear that the journal moved; 0: the caller is who writes it
ARGV[6…] operations, 1 argument each (one is enough):
  most         holds to look at, in this call

Returns {OK, epoch, seq, chain, now_ms, outcome…}, one outcome an operation; or, for the whole
call, {MISSING}, {OTHER_EPOCH, epoch}, {OTHER_PROTOCOL, built}, {REBUILDING, epoch, age_ms},
{BEHIND, epoch, seq} or {LOST_KEY, name}. Outcomes, the first that fits:
  EXPIRED              next_ms more freed: the nearest deadline to come ('*': none), 1 if more is
                       due, and how many holds were freed
Journal: expired, one a hold.
]]
-- include open_batch
-- include whole
-- include decimal
-- include free_due
-- include flush
-- include evict_ended
-- include forget_keys
local function expire(b, most)
  b.budget = whole(most, 'most')
  local before = #b.events
  local nearest, more = math.huge, false
  -- From SKU to SKU by their first groups, which stand behind the sentinel.
  local from = '["'
  while not more do
    local found = redis.call('ZRANGEBYLEX', b.key.deadlines, from, '+', 'LIMIT', 0, 1)
    local sku = string.match(found[1] or '', '^(%S+) ')
    if not sku then
      break
    end
    local deadline
    deadline, more = free_due(b, sku, math.huge)
    nearest = math.min(nearest, deadline or nearest)
    from = '(' .. sku .. '!'
  end
  -- What a rebuild moved has a new deadline, which only this call knows of so far.
  for _, group in pairs(b.groups) do
    nearest = math.min(nearest, group.deadline)
  end
  local next_ms = nearest < math.huge and decimal(nearest) or '*'
  return 'EXPIRED ' .. next_ms .. ' ' .. (more and 1 or 0) .. ' ' .. #b.events - before
end

local b, refused = open_batch(KEYS, ARGV)
if not b then
  return refused
end
local outcomes = {}
for i = 6, #ARGV do
  outcomes[#outcomes + 1] = expire(b, ARGV[i])
end
local result = flush(b, outcomes)
if outcomes[1] then
  evict_ended(b)
  forget_keys(b)
end
return result

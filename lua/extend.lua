--[[
Move the deadlines of held reservations, up to the drop's longest hold.

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
ARGV[6…] operations, 4 arguments each:
  reservation  id, 22 characters
  ttl_ms       from now; '' for the drop's TTL; 'grace' writes down a deadline that a rebuild moved
  key          digest of the idempotency key, 22 characters; '' for none
  fingerprint  digest of method, path and body; '' without a key

Returns {OK, epoch, seq, chain, now_ms, outcome…}, one outcome an operation; or, for the whole
call, {MISSING}, {OTHER_EPOCH, epoch}, {OTHER_PROTOCOL, built}, {REBUILDING, epoch, age_ms},
{BEHIND, epoch, seq} or {LOST_KEY, name}. Outcomes, the first that fits:
  REPLAYED             seq: known with this fingerprint; the answer is that event's
  KEY_REUSED           the key is known with another fingerprint
  UNKNOWN_RESERVATION  
  ENDED                state
  TTL_TOO_LONG         max_ms: longer than the drop's TTL
  MAX_HOLD             state: the deadline stays where it is
  EXTENDED             the reservation
Journal: extended; expired, for what was due.
]]
-- include open_batch
-- include key_outcome
-- include live_hold
-- include whole
-- include deadline_of
-- include parse_lines
-- include group_deadline
-- include append_event
-- include pack_reservation
-- include flush
local function new_deadline(b, r, ttl)
  if ttl == 'grace' then
    return deadline_of(b, r)
  end
  local ttl_ms = ttl == '' and b.ttl_ms or whole(ttl, 'ttl_ms')
  if ttl_ms > b.ttl_ms then
    return nil
  end
  return math.max(deadline_of(b, r), math.min(b.now + ttl_ms, r.created + b.max_hold_ms))
end
local function extend(b, rid, ttl, field, fingerprint)
  -- Checks
  local known = key_outcome(b, field, fingerprint)
  if known then
    return known
  end
  local r, refusal = live_hold(b, rid, '', '')
  if not r then
    return refusal
  end
  local expires = new_deadline(b, r, ttl)
  if not expires then
    return 'TTL_TOO_LONG ' .. b.ttl_ms
  elseif expires == r.expires then
    return 'MAX_HOLD ' .. r.state
  end
  -- Writes, in memory
  r.expires = expires
  r.changed = true
  for _, line in ipairs(parse_lines(r.lines)) do
    group_deadline(b, line[1], expires, rid)
  end
  local packed = pack_reservation(r)
  append_event(b, 'extended', field, fingerprint, rid .. ' ' .. packed .. ' *')
  return 'EXTENDED ' .. packed
end

local N = 4
local b, refused = open_batch(KEYS, ARGV)
if not b then
  return refused
end
local outcomes = {}
for i = 6, #ARGV, N do
  outcomes[#outcomes + 1] = extend(b, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return flush(b, outcomes)

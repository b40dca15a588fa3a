#!lua flags=allow-oom
--[[
Give held units back before their deadline.

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
ARGV[6…] operations, 5 arguments each:
  reservation  id, 22 characters
  handed       the ledger's version of a reservation that has left Redis; '' for none
  read_ms      the drop's time when the caller saw that it had left; '' for none
  key          digest of the idempotency key, 22 characters; '' for none
  fingerprint  digest of method, path and body; '' without a key

Returns {OK, epoch, seq, chain, now_ms, outcome…}, one outcome an operation; or, for the whole
call, {MISSING}, {OTHER_EPOCH, epoch}, {OTHER_PROTOCOL, built}, {REBUILDING, epoch, age_ms},
{BEHIND, epoch, seq} or {LOST_KEY, name}. Outcomes, the first that fits:
  REPLAYED             seq: known with this fingerprint; the answer is that event's
  KEY_REUSED           the key is known with another fingerprint
  UNKNOWN_RESERVATION  
  ENDED                state
  ALREADY              the reservation, released before
  RELEASED             the reservation
Journal: released; expired, for what was due.
]]
-- include open_batch
-- include key_outcome
-- include live_hold
-- include end_hold
-- include pack_reservation
-- include flush
local function release(b, rid, handed, read_ms, field, fingerprint)
  -- Checks
  local known = key_outcome(b, field, fingerprint)
  if known then
    return known
  end
  local r, refusal, ended = live_hold(b, rid, handed, read_ms)
  if ended and ended.state == 'R' then
    return 'ALREADY ' .. pack_reservation(ended)
  elseif not r then
    return refusal
  end
  -- Writes, in memory
  end_hold(b, r, 'R', 'released', field, fingerprint)
  return 'RELEASED ' .. pack_reservation(r)
end

local N = 5
local b, refused = open_batch(KEYS, ARGV)
if not b then
  return refused
end
local outcomes = {}
for i = 6, #ARGV, N do
  outcomes[#outcomes + 1] = release(b, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
end
return flush(b, outcomes)

#!lua flags=allow-oom
--[[
Turn held units into sold units for an order.

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
ARGV[6…] operations, 7 arguments each:
  reservation  id, 22 characters
  order        id
  reacquire    1: take an expired hold again if units and limits allow
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
  ENDED                state; C: confirmed for another order
  UNKNOWN_SKU          sku; this and the next four only where it is taken again
  LIMIT_EXCEEDED       limit used requested sku ids
  RETRY                more is due than one call frees: call again
  SOLD_OUT             sku:requested:available,… of the lines that fall short
  STALLED              it could be had, but the ledger stands still
  ALREADY              the reservation, confirmed for this order before
  CONFIRMED            the reservation
Journal: confirmed; held before it, for one taken again; expired, for what was due.
]]
-- include open_batch
-- include key_outcome
-- include live_hold
-- include parse_lines
-- include take_refusal
-- include hold_lines
-- include stock_of
-- include append_event
-- include pack_reservation
-- include flush
local function reacquire(b, r)
  local lines = parse_lines(r.lines)
  local refusal = take_refusal(b, r.customer, lines, {}, nil)
  if refusal then
    return refusal
  end
  r.state, r.expires = 'H', b.now + b.ttl_ms
  hold_lines(b, r.id, r.customer, r.expires, lines)
  append_event(b, 'held', '', '', r.id .. ' ' .. pack_reservation(r) .. ' *')
  return nil
end
local function confirm(b, rid, order, again, handed, read_ms, field, fingerprint)
  -- Checks
  local known = key_outcome(b, field, fingerprint)
  if known then
    return known
  end
  local r, refusal, ended = live_hold(b, rid, handed, read_ms)
  if ended and ended.state == 'C' and ended.order == order then
    return 'ALREADY ' .. pack_reservation(ended)
  elseif ended and ended.state == 'E' and again == '1' then
    r, refusal = ended, reacquire(b, ended)
  end
  if refusal then
    return refusal
  end
  -- Writes, in memory
  for _, line in ipairs(parse_lines(r.lines)) do
    local stock = stock_of(b, line[1])
    stock.held = stock.held - line[2]
    stock.sold = stock.sold + line[2]
    stock.changed = true
  end
  r.state, r.order, r.changed = 'C', order, true
  local packed = pack_reservation(r)
  append_event(b, 'confirmed', field, fingerprint, rid .. ' ' .. packed .. ' *')
  return 'CONFIRMED ' .. packed
end

local N = 7
local b, refused = open_batch(KEYS, ARGV)
if not b then
  return refused
end
local outcomes = {}
for i = 6, #ARGV, N do
  outcomes[#outcomes + 1] = confirm(b, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4],
    ARGV[i + 5], ARGV[i + 6])
end
return flush(b, outcomes)

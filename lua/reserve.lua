--[[
Hold units for customers until a deadline, all lines of a reservation or none.

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
ARGV[6…] operations, 6 arguments each:
  reservation  id, 22 characters
  customer     id
  lines        sku:quantity,…
  ttl_ms       how long the hold lasts; '' for the drop's TTL
  key          digest of the idempotency key, 22 characters; '' for none
  fingerprint  digest of method, path and body; '' without a key

Returns {OK, epoch, seq, chain, now_ms, outcome…}, one outcome an operation; or, for the whole
call, {MISSING}, {OTHER_EPOCH, epoch}, {OTHER_PROTOCOL, built}, {REBUILDING, epoch, age_ms},
{BEHIND, epoch, seq} or {LOST_KEY, name}. Outcomes, the first that fits:
  REPLAYED             seq: known with this fingerprint; the answer is that event's
  KEY_REUSED           the key is known with another fingerprint
  UNKNOWN_DROP         the drop has not been configured yet
  TTL_TOO_LONG         max_ms: longer than the drop's TTL
  NOT_OPEN             opens_at: scheduled
  PAUSED               opens_at
  CLOSED               opens_at
  UNKNOWN_SKU          sku
  LIMIT_EXCEEDED       limit used requested sku ids
  RETRY                more is due than one call frees: call again
  SOLD_OUT             sku:requested:available,… of the lines that fall short
  STALLED              it could be held, but the ledger stands still
  HELD                 created_ms, expires_ms
Journal: held, one a hold; expired, for what was due and in the way.
]]
-- include open_batch
-- include column
-- include sku_column
-- include key_outcome
-- include kind_of
-- include customer_of
-- include fits
-- include take_refusal when needed
-- include hold_kind
-- include append_event
-- include id_ms
-- include flush
local N = 6
local ARGV, NOTHING, KINDS = ARGV, {}, {}
local b, refused = open_batch(KEYS, ARGV, {
  customers = column(ARGV, 7, N), keys = column(ARGV, 10, N),
  stock = sku_column(ARGV, 8, N),
})
if not b then
  return refused
end
local configured, now, customers, holds = b.state, b.now, b.customers, b.new_holds
local function reserve(rid, customer_id, text, ttl, field, fingerprint)
  -- Checks
  local known = field ~= '' and key_outcome(b, field, fingerprint)
  if known then
    return known
  end
  if not configured then
    return 'UNKNOWN_DROP'
  elseif #rid ~= 22 then
    error('a reservation id has 22 characters')
  end
  local kind = KINDS[text]
  if not kind or kind.ttl ~= ttl then
    kind = kind_of(b, text, ttl)
    KINDS[text] = kind
  end
  if kind.refusal then
    return kind.refusal
  end
  local customer = customers[customer_id] ~= false and customer_of(b, customer_id)
  if not fits(b, kind, customer) then
    local refusal = take_refusal(b, customer_id, kind.lines, NOTHING, nil)
    if refusal then
      return refusal
    end
    customer = customer_of(b, customer_id)
  end
  -- Writes, in memory
  local born, time = id_ms(rid)
  hold_kind(b, kind, rid, time, customer_id, customer)
  local n = #holds
  holds[n + 1] = rid
  holds[n + 2] = 'H' .. decimal(now - born) .. kind.times .. customer_id .. kind.text
  append_event(b, 'held', field, fingerprint, rid, ' H ', customer_id, kind.event)
  return kind.outcome
end

local outcomes, n = {}, 0
for i = 6, #ARGV, N do
  n = n + 1
  outcomes[n] = reserve(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
end
return flush(b, outcomes)

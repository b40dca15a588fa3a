--[[
Add units to, or take unsold units out of, a SKU's total.

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
  sku          id
  quantity     signed, not 0
  reference    id or '*'
  reason       a JSON string or null
  key          digest of the idempotency key, 22 characters; '' for none
  fingerprint  digest of method, path and body; '' without a key

Returns {OK, epoch, seq, chain, now_ms, outcome…}, one outcome an operation; or, for the whole
call, {MISSING}, {OTHER_EPOCH, epoch}, {OTHER_PROTOCOL, built}, {REBUILDING, epoch, age_ms},
{BEHIND, epoch, seq} or {LOST_KEY, name}. Outcomes, the first that fits:
  REPLAYED             seq: known with this fingerprint; the answer is that event's
  KEY_REUSED           the key is known with another fingerprint
  UNKNOWN_SKU          sku
  INSUFFICIENT         available: less is free than is to be taken out
  TOO_LARGE            max: the total would pass it
  RETRY                more is due than one call frees: call again
  RESTOCKED            total available held sold
Journal: restocked; expired, for what was due and in the way.
]]
-- include open_batch
-- include key_outcome
-- include signed
-- include stock_of
-- include free_due
-- include append_event
-- include decimal
-- include flush
local MAX_TOTAL = 1000000000
local function restock(b, sku, digits, reference, reason, field, fingerprint)
  -- Checks
  local known = key_outcome(b, field, fingerprint)
  if known then
    return known
  end
  local quantity = signed(digits, 'quantity')
  if quantity == 0 then
    error('a quantity of 0 moves nothing')
  end
  local stock = stock_of(b, sku)
  if not stock then
    return 'UNKNOWN_SKU ' .. sku
  end
  local _, more = free_due(b, sku, -quantity)
  if stock.available < -quantity then
    return more and 'RETRY' or 'INSUFFICIENT ' .. stock.available
  elseif stock.available + stock.held + stock.sold + quantity > MAX_TOTAL then
    return 'TOO_LARGE ' .. decimal(MAX_TOTAL)
  end
  -- Writes, in memory
  stock.available = stock.available + quantity
  stock.changed = true
  local counts = decimal(stock.available + stock.held + stock.sold) .. ' ' .. stock.available
    .. ' ' .. stock.held .. ' ' .. stock.sold
  append_event(b, 'restocked', field, fingerprint, table.concat({ sku, decimal(quantity), counts,
    reference, reason }, ' '))
  return 'RESTOCKED ' .. counts
end

local N = 6
local b, refused = open_batch(KEYS, ARGV)
if not b then
  return refused
end
local outcomes = {}
for i = 6, #ARGV, N do
  outcomes[#outcomes + 1] = restock(b, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4],
    ARGV[i + 5])
end
return flush(b, outcomes)

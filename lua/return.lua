#!lua flags=allow-oom
--[[
Give sold units back, wholly or in part; damaged ones leave the total.

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
ARGV[6…] operations, 8 arguments each:
  reservation  id, 22 characters
  lines        sku:quantity,… to give back; '*' for all
  reason       a JSON string or null
  restock      1: they can be sold again; 0: they leave the total
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
  ENDED                state, where it isn't confirmed
  NOT_OWNED            sku owned: the first line that asks for more than is still owned
  RETURNED             the reservation
Journal: returned; restocked with a negative quantity behind it for damaged units, one a line;
expired, for what was due.
]]
-- include open_batch
-- include key_outcome
-- include live_hold
-- include parse_lines
-- include pack_lines
-- include stock_of
-- include customer_of
-- include use_units
-- include unlist_reservation
-- include append_event
-- include pack_reservation
-- include decimal
-- include flush
local function remaining(owned, back)
  local left, keeps = {}, {}
  for _, line in ipairs(owned) do
    keeps[line[1]] = line[2]
  end
  for _, line in ipairs(back) do
    local has = keeps[line[1]] or 0
    if line[2] > has then
      return nil, line[1] .. ' ' .. has
    end
    keeps[line[1]] = has - line[2]
  end
  for _, line in ipairs(owned) do
    if keeps[line[1]] > 0 then
      left[#left + 1] = { line[1], keeps[line[1]] }
    end
  end
  return left
end
local function give_back(b, r, back, restock)
  local customer = customer_of(b, r.customer)
  for _, line in ipairs(back) do
    local stock = stock_of(b, line[1])
    stock.sold = stock.sold - line[2]
    stock.available = stock.available + (restock and line[2] or 0)
    stock.changed = true
    use_units(customer, line[1], -line[2])
  end
  customer.changed = true
  if r.state == 'T' then
    unlist_reservation(customer, r.id)
  end
end
local function take_out(b, line, reason)
  local stock = stock_of(b, line[1])
  append_event(b, 'restocked', '', '', table.concat({ line[1], -line[2],
    decimal(stock.available + stock.held + stock.sold), stock.available, stock.held, stock.sold,
    '*', reason }, ' '))
end
local function return_units(b, rid, text, reason, restock, handed, read_ms, field, fingerprint)
  -- Checks
  local known = key_outcome(b, field, fingerprint)
  if known then
    return known
  end
  local _, refusal, r = live_hold(b, rid, handed, read_ms)
  if not r then
    return refusal or 'ENDED H'
  elseif r.state ~= 'C' then
    return refusal
  end
  local owned = parse_lines(r.lines)
  local back = text == '*' and owned or parse_lines(text)
  local left, stranger = remaining(owned, back)
  if not left then
    return 'NOT_OWNED ' .. stranger
  end
  -- Writes, in memory
  r.state = #left == 0 and 'T' or 'C'
  r.lines = #left == 0 and r.lines or pack_lines(left)
  r.changed = true
  give_back(b, r, back, restock == '1')
  local packed = pack_reservation(r)
  append_event(b, 'returned', field, fingerprint,
    rid .. ' ' .. packed .. ' ' .. pack_lines(back) .. ' ' .. reason)
  for _, line in ipairs(restock == '1' and {} or back) do
    take_out(b, line, reason)
  end
  return 'RETURNED ' .. packed
end

local N = 8
local b, refused = open_batch(KEYS, ARGV)
if not b then
  return refused
end
local outcomes = {}
for i = 6, #ARGV, N do
  outcomes[#outcomes + 1] = return_units(b, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3],
    ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7])
end
return flush(b, outcomes)

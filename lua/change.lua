--[[
Replace the lines of held reservations; only the difference is taken or given back.

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
  lines        sku:quantity,…, the new whole
  key          digest of the idempotency key, 22 characters; '' for none
  fingerprint  digest of method, path and body; '' without a key

Returns {OK, epoch, seq, chain, now_ms, outcome…}, one outcome an operation; or, for the whole
call, {MISSING}, {OTHER_EPOCH, epoch}, {OTHER_PROTOCOL, built}, {REBUILDING, epoch, age_ms},
{BEHIND, epoch, seq} or {LOST_KEY, name}. Outcomes, the first that fits:
  REPLAYED             seq: known with this fingerprint; the answer is that event's
  KEY_REUSED           the key is known with another fingerprint
  UNKNOWN_RESERVATION  
  ENDED                state
  NOT_OPEN             opens_at; this and the next six only where a line grows
  PAUSED               opens_at
  CLOSED               opens_at
  UNKNOWN_SKU          sku
  LIMIT_EXCEEDED       limit used requested sku ids
  RETRY                more is due than one call frees: call again
  SOLD_OUT             sku:requested:available,… of the lines that fall short
  STALLED              it could be had, but the ledger stands still
  CHANGED              the reservation
Journal: changed, with the difference; expired, for what was due.
]]
-- include open_batch
-- include key_outcome
-- include live_hold
-- include parse_lines
-- include pack_lines
-- include state_refusal
-- include take_refusal
-- include take_units
-- include group_deadline
-- include append_event
-- include pack_reservation
-- include flush
local function own_units(lines)
  local own = {}
  for _, line in ipairs(lines) do
    own[line[1]] = line[2]
  end
  return own
end
local function difference(old, new)
  local moved, grows, wanted = {}, false, own_units(new)
  local own = own_units(old)
  for _, line in ipairs(new) do
    local more = line[2] - (own[line[1]] or 0)
    grows = grows or more > 0
    moved[#moved + 1] = more ~= 0 and { line[1], more } or nil
  end
  for _, line in ipairs(old) do
    if not wanted[line[1]] then
      moved[#moved + 1] = { line[1], -line[2] }
    end
  end
  return moved, grows, own
end
local function change(b, rid, text, field, fingerprint)
  -- Checks
  local known = key_outcome(b, field, fingerprint)
  if known then
    return known
  end
  local r, refusal = live_hold(b, rid, '', '')
  if not r then
    return refusal
  end
  local lines = parse_lines(text)
  local moved, grows, own = difference(parse_lines(r.lines), lines)
  refusal = grows and (state_refusal(b) or take_refusal(b, r.customer, lines, own, rid))
  if refusal then
    return refusal
  end
  if #moved == 0 and field == '' then
    return 'CHANGED ' .. pack_reservation(r)
  end
  -- Writes, in memory. A change of nothing is remembered with its key, or that key could
  -- undo a later change.
  for _, line in ipairs(moved) do
    take_units(b, r.customer, line[1], line[2])
    if line[2] > 0 and not own[line[1]] then
      group_deadline(b, line[1], r.expires, rid)
    end
  end
  r.lines = text
  r.changed = true
  local packed = pack_reservation(r)
  append_event(b, 'changed', field, fingerprint, rid .. ' ' .. packed .. ' ' .. pack_lines(moved))
  return 'CHANGED ' .. packed
end

local N = 4
local b, refused = open_batch(KEYS, ARGV)
if not b then
  return refused
end
local outcomes = {}
for i = 6, #ARGV, N do
  outcomes[#outcomes + 1] = change(b, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return flush(b, outcomes)

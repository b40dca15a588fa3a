--[[
Configure the drop and its SKUs. A patch holds only what was given; the rest keeps its value.

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
ARGV[6…] operations, 10 arguments each:
  sku          id; '*' for the drop itself
  action       put; for the drop also open, pause, close, and settle (what the times say)
  patch        JSON members without braces, for the ledger; '' for none
  state        '' keeps
  opens_at     ms; '' keeps, '*' clears
  closes_at    ms; '' keeps, '*' clears
  ttl_ms       '' keeps
  max_hold_ms  '' keeps
  limit        units, of the drop or the SKU; '' keeps, '*' clears
  initial      units a new SKU starts with; '' for none

Returns {OK, epoch, seq, chain, now_ms, outcome…}, one outcome an operation; or, for the whole
call, {MISSING}, {OTHER_EPOCH, epoch}, {OTHER_PROTOCOL, built}, {REBUILDING, epoch, age_ms},
{BEHIND, epoch, seq} or {LOST_KEY, name}. Outcomes, the first that fits:
  UNKNOWN_DROP         it has not been configured yet; a put of the drop itself creates it
  CLOSED               opens_at: it has closed by its time; open and pause can't undo that
  CLOSES_FIRST         opens_at closes_at: it would close before it opens
  CONFIGURED           1: created; 0: it was there
Journal: configured; restocked, for the units a new SKU starts with.
]]
-- include open_batch
-- include whole
-- include state_at
-- include stock_of
-- include append_event
-- include decimal
-- include flush
local function merged(old, given)
  if given == '' then
    return old
  end
  return given ~= '*' and whole(given, 'setting') or nil
end
local function set_state(b, state, patch)
  if b.state ~= state then
    b.state = state
    patch = '"state":"' .. state .. '"' .. (patch == '' and '' or ',') .. patch
  end
  if patch ~= '' then
    append_event(b, 'configured', '', '', '* {' .. patch .. '}')
    for _, name in ipairs({ 'opens_at', 'closes_at', 'ttl_ms', 'max_hold_ms', 'limit' }) do
      b.meta_set[#b.meta_set + 1] = name
      b.meta_set[#b.meta_set + 1] = b[name] and decimal(b[name]) or ''
    end
    b.meta_set[#b.meta_set + 1] = 'state'
    b.meta_set[#b.meta_set + 1] = state
  end
end
local function put_drop(b, patch, state, opens, closes, ttl, max_hold, limit)
  -- Checks
  local opens_at, closes_at = merged(b.opens_at, opens), merged(b.closes_at, closes)
  if opens_at and closes_at and closes_at <= opens_at then
    return 'CLOSES_FIRST ' .. decimal(opens_at) .. ' ' .. decimal(closes_at)
  end
  -- Writes, in memory
  local created = not b.state
  if state == '' then
    state = b.state or (opens_at and 'scheduled' or 'open')
  end
  b.opens_at, b.closes_at, b.limit = opens_at, closes_at, merged(b.limit, limit)
  b.ttl_ms, b.max_hold_ms = merged(b.ttl_ms, ttl), merged(b.max_hold_ms, max_hold)
  set_state(b, state, patch)
  return 'CONFIGURED ' .. (created and 1 or 0)
end
local ACTIONS = { open = true, pause = true, close = true, settle = true }
local function set_drop(b, action)
  local now = state_at(b)
  if not ACTIONS[action] then
    error('no such action')
  elseif action == 'settle' then
    set_state(b, now, '')
  elseif action == 'close' then
    set_state(b, 'closed', '')
  elseif b.closes_at and b.now >= b.closes_at or (action == 'pause' and now == 'closed') then
    return 'CLOSED ' .. (b.opens_at and decimal(b.opens_at) or '*')
  else
    set_state(b, action == 'pause' and 'paused' or 'open', '')
  end
  return 'CONFIGURED 0'
end
local function put_sku(b, sku, patch, limit, initial)
  local stock = stock_of(b, sku)
  local created = not stock
  if created then
    stock = { available = initial == '' and 0 or whole(initial, 'initial'), held = 0, sold = 0 }
    b.stock[sku] = stock
  end
  stock.limit = merged(stock.limit, limit)
  stock.changed = true
  append_event(b, 'configured', '', '', sku .. ' {' .. patch .. '}')
  if created and stock.available > 0 then
    local units = decimal(stock.available)
    append_event(b, 'restocked', '', '', table.concat({ sku, units, units, units, 0, 0, '*',
      'null' }, ' '))
  end
  return 'CONFIGURED ' .. (created and 1 or 0)
end
local function configure(b, sku, action, patch, ...)
  if sku == '*' and action == 'put' then
    return put_drop(b, patch, ...)
  elseif not b.state then
    return 'UNKNOWN_DROP'
  elseif sku == '*' then
    return set_drop(b, action)
  elseif action ~= 'put' or sku == '!' then
    error('no such action or sku')
  end
  local _, _, _, _, _, limit, initial = ...
  return put_sku(b, sku, patch, limit, initial)
end

local N = 10
local b, refused = open_batch(KEYS, ARGV)
if not b then
  return refused
end
local outcomes = {}
for i = 6, #ARGV, N do
  outcomes[#outcomes + 1] = configure(b, unpack(ARGV, i, i + N - 1))
end
return flush(b, outcomes)

-- include whole
-- include name_keys
-- include missing_key
-- include server_ms
-- include shares_protocol
-- Opens a batch: the drop's state in memory, to be changed there and written by `flush`. `fields`
-- has what a verb wants to be read along of `stock`, `customers` and `keys` (see `sentinel_of`).
-- Returns the batch, or nil and the reply that refuses the whole call.
local MAX_SKEW_MS = 5000
local function open_batch(keys, argv, fields)
  local key = name_keys(keys)
  local meta = redis.call('HMGET', key.meta, 'epoch', 'phase', 'seq', 'chain', 'latest_ms',
    'state', 'opens_at', 'closes_at', 'ttl_ms', 'max_hold_ms', 'limit', 'opened_ms',
    'skew_ms', 'token', 'protocol', 'shares_from')
  local clock = server_ms()
  local epoch = meta[1]
  if not epoch then
    return nil, { 'MISSING' }
  elseif epoch ~= argv[1] then
    return nil, { 'OTHER_EPOCH', epoch }
  elseif not shares_protocol(meta[15], meta[16]) then
    return nil, { 'OTHER_PROTOCOL', meta[15] or '1' }
  elseif meta[2] ~= 'open' then
    local progress_ms = tonumber(redis.call('HGET', key.meta, 'progress_ms')) or 0
    return nil, { 'REBUILDING', epoch, tostring(clock - progress_ms) }
  end
  local seq, durable_seq = whole(meta[3], 'meta.seq'), whole(argv[2], 'durable_seq')
  if seq < durable_seq then
    return nil, { 'BEHIND', epoch, meta[3] }
  end
  local found = { stock = {}, customers = {}, keys = {} }
  local lost = missing_key(key, epoch, fields or {}, found)
  if lost then
    return nil, { 'LOST_KEY', lost }
  end
  local now = math.max(clock + (tonumber(meta[13]) or 0), tonumber(meta[5]) or 0)
  return {
    key = key, epoch = epoch, seq = seq, chain = meta[4], now = now,
    -- A clock that is far from the caller's frees nothing: one of the two is wrong.
    skewed = math.abs(clock - whole(argv[3], 'engine_ms')) > MAX_SKEW_MS,
    admit = argv[4] == '1', tell = argv[5] == '1',
    state = meta[6], opens_at = tonumber(meta[7]), closes_at = tonumber(meta[8]),
    ttl_ms = tonumber(meta[9]), max_hold_ms = tonumber(meta[10]), limit = tonumber(meta[11]),
    opened_ms = tonumber(meta[12]) or 0, durable_seq = durable_seq,
    token = meta[14] or '',
    -- Changed in memory, written by `flush`.
    events = {}, meta_set = {}, stock = {}, packed_stock = found.stock, reservations = {},
    read_reservations = {}, new_holds = {}, known_holds = 0, customers = found.customers,
    new_customers = {}, unpacked = {}, request_keys = found.keys, new_keys = {}, groups = {},
    spent_groups = {}, due = {}, budget = 1000,
  }
end

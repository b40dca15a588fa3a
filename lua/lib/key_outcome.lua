-- What is known of an idempotency key: 'REPLAYED seq', 'KEY_REUSED', or nil for a new one.
-- An empty key is none. A key seen earlier in this very batch counts.
local function key_outcome(b, field, fingerprint)
  if field == '' then
    return nil
  end
  local known = b.request_keys[field]
  if known == nil then
    known = redis.call('HGET', b.key.keys, field) or false
    b.request_keys[field] = known
  end
  if not known then
    return nil
  end
  local seen, seq = string.match(known, '^(%S+) (%d+)$')
  if seen == fingerprint then
    return 'REPLAYED ' .. seq
  end
  return 'KEY_REUSED'
end

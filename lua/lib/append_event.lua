-- Appends one event, which takes the next seq, and remembers its idempotency key. What is behind
-- `kind key fingerprint` comes in up to four parts: to join them first would be one more copy.
local function append_event(b, kind, field, fingerprint, text, second, third, fourth)
  local events = b.events
  local n, keys = #events + 1, b.new_keys
  second, third, fourth = second or '', third or '', fourth or ''
  if field ~= '' then
    events[n] = kind .. ' ' .. field .. ' ' .. fingerprint .. ' ' .. text .. second .. third
      .. fourth
    -- Each seq comes once: nothing for `decimal` to keep.
    b.request_keys[field] = string.format('%s %d', fingerprint, b.seq + n)
    keys[#keys + 1] = field
  else
    events[n] = kind .. ' * * ' .. text .. second .. third .. fourth
  end
end

-- include decimal
-- Appends one event, which takes the next seq, and remembers its idempotency key.
-- `text` is everything behind `kind key fingerprint`.
local function append_event(b, kind, field, fingerprint, text)
  local events = b.events
  events[#events + 1] = kind .. ' ' .. (field == '' and '*' or field) .. ' '
    .. (field == '' and '*' or fingerprint) .. ' ' .. text
  if field ~= '' then
    local value = fingerprint .. ' ' .. decimal(b.seq + #events)
    b.request_keys[field] = value
    b.new_keys[#b.new_keys + 1] = field
  end
end

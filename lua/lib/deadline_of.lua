-- The deadline in force. One that passed while the drop was fenced is a minute after the
-- drop opened again: nobody could confirm in between.
local GRACE_MS = 60000
local function deadline_of(b, r)
  if r.expires <= b.opened_ms then
    return b.opened_ms + GRACE_MS
  end
  return r.expires
end

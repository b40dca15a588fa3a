-- The millisecond in which a reservation's id was made: its first 48 bits (RFC 9562), which are
-- its first eight characters of base64url. An error for what is no id.
local ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
local ID_TIMES = {}
local function id_ms(rid)
  local time = string.sub(rid, 1, 8)
  local ms = ID_TIMES[time]
  if not ms then
    local find, sub = string.find, string.sub
    ms = 0
    for at = 1, 8 do
      ms = ms * 64 + find(ALPHABET, sub(time, at, at), 1, true) - 1
    end
    ID_TIMES[time] = ms
  end
  return ms, time
end

-- The millisecond in which a reservation's id was made: its first 48 bits (RFC 9562), which are
-- its first eight characters of base64url. An error for what is no id.
local ID_TIMES = {}
local function id_ms(rid)
  local time = string.sub(rid, 1, 8)
  local ms = ID_TIMES[time]
  if not ms then
    ms = 0
    for at = 1, 8 do
      local byte, value = string.byte(time, at) or 0, nil
      if byte >= 97 and byte <= 122 then
        value = byte - 71
      elseif byte >= 65 and byte <= 90 then
        value = byte - 65
      elseif byte >= 48 and byte <= 57 then
        value = byte + 4
      elseif byte == 45 then
        value = 62
      elseif byte == 95 then
        value = 63
      else
        error('an id is written in base64url')
      end
      ms = ms * 64 + value
    end
    ID_TIMES[time] = ms
  end
  return ms, time
end

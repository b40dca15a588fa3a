-- Reads what `pack_ids` wrote, or whole ids without a dot, as older versions write them.
local function unpack_ids(text)
  local ids, n = {}, 0
  for dot, run in string.gmatch(text, '(%.?)([^.]+)') do
    local time = dot == '.' and string.sub(run, 1, 8) or ''
    local length = 22 - #time
    for at = #time + 1, #run, length do
      n = n + 1
      ids[n] = time .. string.sub(run, at, at + length - 1)
    end
  end
  return ids
end

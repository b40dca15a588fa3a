-- Writes the ids of a group of deadlines, from the one at `first` on: those made in one millisecond
-- share what tells it (8 of 22 characters), behind a dot.
local function pack_ids(ids, first)
  local parts, n, last = {}, 0, nil
  for i = first, #ids do
    local time = string.sub(ids[i], 1, 8)
    if time ~= last then
      parts[n + 1], parts[n + 2] = '.', time
      n, last = n + 2, time
    end
    n = n + 1
    parts[n] = string.sub(ids[i], 9)
  end
  return table.concat(parts)
end

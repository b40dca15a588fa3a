-- include state_at
-- include decimal
-- Why no unit may be taken now by the drop's state, or nil.
local function state_refusal(b)
  local state = state_at(b)
  local opens_at = b.opens_at and decimal(b.opens_at) or '*'
  if state == 'open' then
    return nil
  elseif state == 'scheduled' then
    return 'NOT_OPEN ' .. opens_at
  elseif state == 'paused' then
    return 'PAUSED ' .. opens_at
  end
  return 'CLOSED ' .. opens_at
end

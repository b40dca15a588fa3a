-- include decimal
-- The reply of a call: where the drop's journal stands, then one outcome an operation.
local function reply(b, outcomes)
  local out = { 'OK', b.epoch, decimal(b.seq), b.chain, decimal(b.now) }
  for i = 1, #outcomes do
    out[i + 5] = outcomes[i]
  end
  return out
end

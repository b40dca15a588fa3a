-- include call_in_chunks
-- Writes the counts that `pack_stock` has checked and packed.
local function write_stock(b, fields)
  call_in_chunks('HSET', b.key.stock, fields)
end

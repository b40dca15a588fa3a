-- include decimal
-- include call_in_chunks
-- Writes the customers that changed; one who uses nothing leaves no field.
local function write_customers(b)
  -- Behind the new ones, for of two values of a field the last one stays.
  local set, del = b.new_customers, {}
  local n = #set
  for i = 1, #b.unpacked do
    local id = b.unpacked[i]
    local customer = b.customers[id]
    if customer.changed then
      local units, text = customer.units, ''
      for i = 1, #units do
        local count = units[units[i]]
        if count > 0 then
          text = text .. (text == '' and '' or ' ') .. units[i] .. '=' .. decimal(count)
        end
      end
      if text == '' then
        del[#del + 1] = id
      else
        set[n + 1], set[n + 2] = id, text .. ';' .. customer.ids
        n = n + 2
      end
    end
  end
  call_in_chunks('HSET', b.key.customers, set)
  call_in_chunks('HDEL', b.key.customers, del)
end

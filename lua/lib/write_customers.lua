-- include decimal
-- include call_in_chunks
-- Writes the customers that changed; one who uses nothing leaves no field.
local function write_customers(b)
  local set, del = {}, {}
  for id, customer in pairs(b.customers) do
    if customer.changed then
      local units = ''
      for _, sku in ipairs(customer.skus) do
        if customer.units[sku] > 0 then
          units = (units == '' and sku or units .. ' ' .. sku) .. '='
            .. decimal(customer.units[sku])
        end
      end
      if units == '' then
        del[#del + 1] = id
      else
        set[#set + 1] = id
        set[#set + 1] = units .. ';' .. customer.ids
      end
    end
  end
  call_in_chunks('HSET', b.key.customers, set)
  call_in_chunks('HDEL', b.key.customers, del)
end

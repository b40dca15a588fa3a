-- The drop's keys by name, from KEYS in the order of the catalogue.
local function name_keys(keys)
  return {
    meta = keys[1], stock = keys[2], reservations = keys[3], deadlines = keys[4],
    customers = keys[5], keys = keys[6], key_ages = keys[7], ended = keys[8],
    journal = keys[9],
  }
end

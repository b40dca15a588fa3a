-- Room in each page of reservations for what becomes of them. Nearly every hold is confirmed, released or
-- expires, mostly together with those that were made together, so that a page is changed as a whole. A new
-- version that fits into the page of the old one needs no new rows in the indexes: those were two of the five
-- rows that an expiry wrote. A little less than half is filled, for an order's id comes in addition.

ALTER TABLE reservations SET (fillfactor = 45);

-- A ledger that was restored from a backup lacks what was durable once: clients were told of it.
-- Whoever finds that out notes here how far the lost history went, and the drop stands still in
-- every engine until a person has brought the ledger back or accepted it (`dropgate rebuild`).

ALTER TABLE drops
    ADD COLUMN lost_epoch bigint,
    ADD COLUMN lost_seq bigint,
    ADD CHECK ((lost_epoch IS NULL) = (lost_seq IS NULL));

-- What operators tell keys apart by. An older program leaves all of it out, and takes expired keys.
ALTER TABLE api_keys ADD COLUMN name {text};
ALTER TABLE api_keys ADD COLUMN expire_time {time};
-- The hour in which a call was last made with the key.
ALTER TABLE api_keys ADD COLUMN last_use_time {time};

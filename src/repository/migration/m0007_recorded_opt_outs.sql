-- Applied calls of OptOutContacts that have a request_id, until its retention ends. Without a foreign key, as a new table is local
-- until it is distributed. An older program leaves it alone.
CREATE TABLE recorded_opt_outs (
    organization_id {uuid} NOT NULL,
    request_id {uuid} NOT NULL,
    api_key_id {uuid} NOT NULL,
    create_time {time} NOT NULL,
    -- SHA-256 over the header and the contacts as sent.
    fingerprint {bytes} NOT NULL,
    -- The counts and the rejected contacts.
    outcome {json} NOT NULL,
    PRIMARY KEY (organization_id, request_id)
);
-- What a purge looks for.
CREATE INDEX recorded_opt_outs_create_time_idx ON recorded_opt_outs (organization_id, create_time);

-- Which contacts were erased, and when: a restored back-up has them again. The ids are random, and nothing else of the contact is
-- kept. Without a foreign key, as a new table is local until it is distributed. An older program leaves it empty.
CREATE TABLE erasures (
    organization_id {uuid} NOT NULL,
    contact_id {uuid} NOT NULL,
    erase_time {time} NOT NULL,
    PRIMARY KEY (organization_id, contact_id)
) {link_table};

-- How far the updates of an organization have aged: what the clock said when they were last purged, but never further on than a
-- server has really waited. Without a foreign key, as a new table is local until it is distributed.
CREATE TABLE purge_times (
    organization_id {uuid} NOT NULL PRIMARY KEY,
    purge_time {time} NOT NULL
);

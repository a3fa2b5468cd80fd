//! The tests of the service through its calls: a real server on a free port, with a database of its own for each test.

mod auth;
mod channels;
mod channels_change;
mod collation;
mod contacts;
mod contacts_list;
mod contacts_update;
mod custom_objects;
mod custom_objects_change;
mod erasure;
mod errors;
mod export;
mod health;
mod lists;
mod paging;
mod preferences;
mod sample;
mod tenancy;
mod traces;
mod transport;
mod update;
mod updates;

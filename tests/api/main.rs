//! The tests of the service through its calls: a real server on a free port, with a database of its own for each test.

mod auth;
mod channels;
mod contacts;
mod crash;
mod custom_objects;
mod errors;
mod faults;
mod health;
mod lists;
mod preferences;
mod sample;
mod support;
mod tenancy;
mod transport;
mod update;

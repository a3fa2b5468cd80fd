//! What breaks while calls run: the database's line, the disk, the pool, the callers, the server. An update is there whole,
//! or not at all; nothing is lost, nothing is done twice, and nothing is left behind.

mod attempts;
mod cancels;
mod clients;
mod common;
mod cuts;
mod database_line;
mod full_disk;
mod garbage;
mod pool;
mod random;
mod sessions;
mod shutdown;

use test_support as support;

//! What can break while calls run: the connection to the database, the disk, the pool, the callers, the server. An update is
//! stored completely or not at all; nothing is lost, nothing is done twice, and nothing is left behind.

mod attempts;
mod cancels;
mod clients;
mod cuts;
mod database_line;
mod first_start;
mod full_disk;
mod garbage;
mod helpers;
mod ledger;
mod moved_file;
mod opt_outs;
mod pool;
mod read_elsewhere;
mod read_only;
mod reverts;
mod sessions;
mod shutdown;
mod still_streams;

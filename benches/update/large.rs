//! Row 4: one very large call. The server runs as a separate process here, so that its memory can be measured.

use std::path::Path;

use crate::{
    database::Database,
    floor::Action,
    report::Memory,
    service::{Caller, Process},
};

/// Sends one call of this many new contacts, and measures the server's memory.
pub async fn memory(
    database: &mut Database,
    folder: &Path,
    contacts: u64,
) -> anyhow::Result<Memory> {
    let list = database
        .make_list(&format!("{contacts} in one call"))
        .await?;
    let people = database.new_people(contacts);
    let process = Process::start(folder, &database.url, contacts)?;
    let mut caller = Caller::connect(process.address, &database.key).await?;
    // After a small call, since an idle server has filled its pools and caches, too.
    let few = database.new_people(100);
    caller.update(list, Action::Add, &few).await?;
    let idle_bytes = process.memory("VmRSS")?;
    caller.update(list, Action::Add, &people).await?;
    Ok(Memory {
        database: database.name,
        contacts,
        idle_bytes,
        peak_bytes: process.memory("VmHWM")?,
    })
}

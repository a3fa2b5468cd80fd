//! Row 4: one very large call. The server is a process of its own here, so that its memory shows.

use std::path::Path;

use crate::{
    database::Database,
    floor::Action,
    report::Memory,
    service::{Caller, Process},
};

/// Sends one call of so many new contacts, and watches the server's memory.
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
    // A small call first: pools and caches belong to an idle server too.
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

//! A stream that the server spools to a file, and that never ends.

use contact_lists::proto::Contact;

use test_support::*;

use super::{program::TemporaryFolder, workload::SHARED_LIST};
use crate::id_map::IdMap;

/// The number of the first contact. None of them is stored.
const FIRST: u32 = 60_000_000;

/// How many contacts of 7 KiB there are: more than 8 MiB.
const CONTACT_COUNT: u32 = 1300;

/// Opens a stream, and sends contacts until the server spools to a file.
pub async fn open_large_stream(
    ids: &IdMap,
    program: &Program,
    caller: &Client,
    temporary: &TemporaryFolder,
) -> OpenStream {
    let header = header(ids.list(SHARED_LIST)).overwrite();
    let stream = caller.open(header).await;
    for first in (0..CONTACT_COUNT).step_by(100) {
        stream
            .send_contacts((first..first + 100).map(large_contact).collect())
            .await;
    }
    until("the server spools to a file", async || {
        temporary.is_used_by(program)
    })
    .await;
    stream
}

fn large_contact(n: u32) -> Contact {
    let text = || "\u{1f980}".repeat(255);
    let address = contact_lists::proto::Address {
        address_line_one: text(),
        address_line_two: text(),
        city: text(),
        state: text(),
        post_code: text(),
        country: text(),
    };
    contact(&number(FIRST + n)).name(&text()).address(address)
}

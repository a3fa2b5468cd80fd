//! A stream that is too large for the server's memory of it, and never ends.

use contact_lists::proto::Contact;

use super::{
    program::{Program, Temporary},
    workload::SHARED_LIST,
};
use crate::{support::*, world::World};

/// The first number of the contacts, which are never stored.
const FIRST: u32 = 60_000_000;

/// How many contacts of 7 KiB there are: more than 8 MiB.
const CONTACT_COUNT: u32 = 1300;

/// Opens a stream, and sends until the server keeps what came in a file.
pub async fn open_large_stream(
    world: &World,
    program: &Program,
    caller: &Client,
    temporary: &Temporary,
) -> OpenStream {
    let header = header(&world.lists[usize::from(SHARED_LIST)]).overwrite();
    let stream = caller.open(header).await;
    for first in (0..CONTACT_COUNT).step_by(100) {
        stream
            .send_contacts((first..first + 100).map(large_contact).collect())
            .await;
    }
    until("the server keeps contacts in a file", async || {
        program.has_spool(temporary)
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

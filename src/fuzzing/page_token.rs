use uuid::{Uuid, uuid};

use super::caller;
use crate::rpc::page::Page;

const ORGANIZATION: Uuid = uuid!("01890000-0000-7000-8000-000000000002");
const OTHER_ORGANIZATION: Uuid = uuid!("01890000-0000-7000-8000-000000000003");
const FILTER: [&str; 2] = ["ListContacts", "+4915123456789"];
/// The same text as [`FILTER`], divided elsewhere.
const OTHER_FILTER: [&str; 2] = ["ListContacts+", "4915123456789"];

/// `data` is a page size of 4 bytes, and a page token. A token is accepted by the call that it was made for, with the key
/// that it was made from, and by no other call.
pub fn page_token(data: &[u8]) {
    let Some((size, token)) = data.split_first_chunk() else {
        return;
    };
    let (size, token) = (i32::from_be_bytes(*size), String::from_utf8_lossy(token));
    let (caller, other) = (caller(ORGANIZATION), caller(OTHER_ORGANIZATION));

    let Ok(page) = Page::<Uuid>::parse(&caller, size, &token, &FILTER) else {
        return;
    };
    assert!((2..=501).contains(&page.limit()));
    let Some(after) = page.after() else {
        assert_eq!(token, "");
        return;
    };
    assert!(Page::<Uuid>::parse(&other, size, &token, &FILTER).is_err());
    assert!(Page::<Uuid>::parse(&caller, size, &token, &OTHER_FILTER).is_err());

    let rows = vec![after; usize::try_from(page.limit()).expect("a small number")];
    let (items, made) = page.fill(rows, |row| *row, |_| ());
    assert_eq!(items.len() as u64 + 1, page.limit());
    let next = Page::parse(&caller, size, &made, &FILTER).expect("a token that was made");
    assert_eq!(next.after(), Some(after));
}

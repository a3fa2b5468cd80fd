//! `OptOutContacts`: a file per rule.

mod applied;
mod beside;
mod consent;
mod limits;
mod recorded;
mod rejections;

use contact_lists::proto::{
    GetRecordedOptOutRequest, OptOutContact, OptOutContactsRequest as Message,
    OptOutContactsResponse as Outcome, RecordedOptOut,
};

use super::*;

/// People by their names, as [`opted_out`] takes them.
fn everyone<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<OptOutContact> {
    names.into_iter().map(opted_out).collect()
}

fn by_numbers(numbers: impl Iterator<Item = u32>) -> Vec<OptOutContact> {
    numbers.map(|n| opted_out(&number(n))).collect()
}

async fn recorded(caller: &Client, request_id: &str) -> Result<RecordedOptOut, Status> {
    let request = GetRecordedOptOutRequest {
        request_id: request_id.to_owned(),
    };
    let mut preferences = caller.preferences.clone();
    let answer = preferences.get_recorded_opt_out(request).await?;
    Ok(answer.into_inner().recorded_opt_out.expect("the call"))
}

async fn recorded_count(service: &Service) -> i64 {
    service.rows("SELECT count(*) FROM recorded_opt_outs").await
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

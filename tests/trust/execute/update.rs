//! The main call, message by message, and its recorded outcome.

use contact_lists::proto::{
    GetContactListUpdateRequest, UpdateContactListContactsResponse as Outcome,
    get_contact_list_update_request::Reference,
};
use futures_util::stream;
use test_support::Client;
use tonic::Status;

use crate::{calls::Update, id_map::IdMap, values::request_id};

/// Where a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before another message.
    Sending,
    /// After the last message, before the stream is closed.
    Closing,
}

/// Lets a stream wait, or reports it, at each stage.
pub trait Pace: Clone + Send + 'static {
    /// Waits.
    fn at(&self, stage: Stage) -> impl Future<Output = ()> + Send;
}

/// Lets streams run as fast as they can.
#[derive(Clone)]
pub struct AtOnce;

impl Pace for AtOnce {
    async fn at(&self, _: Stage) {}
}

impl IdMap {
    pub(super) async fn update(
        &self,
        caller: &Client,
        update: &Update,
        pace: impl Pace,
    ) -> Result<Outcome, Status> {
        let messages = self.messages(update).into_iter();
        let stream = stream::unfold((messages, pace), |(mut messages, pace)| async move {
            let next = messages.next();
            let stage = if next.is_some() {
                Stage::Sending
            } else {
                Stage::Closing
            };
            pace.at(stage).await;
            Some((next?, (messages, pace)))
        });
        let mut lists = caller.lists.clone();
        let answer = lists.update_contact_list_contacts(stream).await?;
        Ok(answer.into_inner())
    }

    pub(super) async fn read_update(
        &self,
        caller: &Client,
        request: u32,
    ) -> Result<Outcome, Status> {
        let request_id = request_id(request).to_string();
        let request = GetContactListUpdateRequest {
            reference: Some(Reference::RequestId(request_id)),
        };
        let answer = caller.lists.clone().get_contact_list_update(request).await;
        let update = answer?.into_inner().contact_list_update;
        let outcome = update.expect("the update").outcome;
        Ok(outcome.expect("its outcome"))
    }
}

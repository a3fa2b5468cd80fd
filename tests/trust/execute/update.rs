//! The main call, message by message.

use contact_lists::proto::UpdateContactListContactsResponse as Outcome;
use futures_util::stream;
use test_support::Client;
use tonic::Status;

use crate::{calls::Update, id_map::IdMap};

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
}

//! An UpdateContactListContacts call that is still open.

use std::time::Duration;

use contact_lists::proto::{
    Contact, UpdateContactListContactsHeader as Header,
    UpdateContactListContactsRequest as Message, UpdateContactListContactsResponse as Outcome,
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::Status;

use super::Client;

const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A stream that a test holds open. When it is dropped, it breaks as if the caller were gone, and never looks complete.
pub struct OpenStream {
    /// None ends the stream.
    messages: mpsc::Sender<Option<Message>>,
    answer: JoinHandle<Result<Outcome, Status>>,
}

impl Client {
    /// Opens a stream and sends its header.
    pub async fn open(&self, header: Header) -> OpenStream {
        let stream = self.open_silent();
        let message = Message {
            header: Some(header),
            ..Message::default()
        };
        stream.send(message).await;
        stream
    }

    /// Opens a stream and sends nothing yet.
    pub fn open_silent(&self) -> OpenStream {
        let (messages, receiver) = mpsc::channel(1);
        let mut lists = self.lists.clone();
        // The call holds an end of its own, so that the stream does not end when the test's is dropped.
        let kept = messages.clone();
        let answer = tokio::spawn(async move {
            let _kept = kept;
            let stream = ReceiverStream::new(receiver).map_while(|message| message);
            let answer = lists.update_contact_list_contacts(stream).await;
            answer.map(tonic::Response::into_inner)
        });
        OpenStream { messages, answer }
    }
}

impl OpenStream {
    /// Sends a message. If the call no longer takes any, it is lost, and the response says why.
    pub async fn send(&self, message: Message) {
        let _ = self.messages.send(Some(message)).await;
    }

    /// Sends contacts.
    pub async fn send_contacts(&self, contacts: Vec<Contact>) {
        let message = Message {
            contacts,
            ..Message::default()
        };
        self.send(message).await;
    }

    /// Whether the response has arrived.
    pub fn has_ended(&self) -> bool {
        self.answer.is_finished()
    }

    /// Ends the stream and waits for the response.
    pub async fn finish(mut self) -> Result<Outcome, Status> {
        let _ = self.messages.send(None).await;
        self.answer().await
    }

    /// Waits for the response and keeps the stream open.
    pub async fn answer(&mut self) -> Result<Outcome, Status> {
        let answer = timeout(ANSWER_LIMIT, &mut self.answer).await;
        answer.expect("an answer in time").expect("a call")
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.answer.abort();
    }
}

//! One call: its rows are read, and sent as the server takes them.

use anyhow::anyhow;
use prost::Message;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{
    contacts::{ContactRows, Contacts},
    progress::Progress,
};
use crate::{
    client::connect::Connection,
    proto::{
        UpdateContactListContactsFooter as Footer, UpdateContactListContactsHeader as Header,
        UpdateContactListContactsRequest as Request, UpdateContactListContactsResponse as Outcome,
    },
};

/// The most contacts of a message.
const MESSAGE_CONTACTS: usize = 500;

/// The most bytes of contacts of a message that has more than one.
const MESSAGE_BYTES: usize = 1024 * 1024;

/// How many messages wait until the server takes them.
const WAITING_MESSAGES: usize = 4;

/// Which contacts of the file a call has: those from `start` on, after them those from the wrap-around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The index of the first contact of the call in the file.
    pub start: u64,
    /// The index after the last one.
    pub end: u64,
    /// Where in the call to begin: contacts before it are sent last. 0 sends them in order.
    pub offset: u64,
}

impl Part {
    /// How many contacts.
    pub fn count(self) -> u64 {
        self.end - self.start
    }

    /// The index in the file of the contact with this index in the call.
    pub fn index_in_file(self, index: u64) -> u64 {
        self.start + (index + self.offset) % self.count().max(1)
    }
}

/// Why a call has no outcome.
pub enum SendError {
    /// The server's status, or the connection's.
    Status(Status),
    /// The file cannot be read.
    File(anyhow::Error),
}

/// Sends a part of the file's contacts. `rows` are those that were left open by the call before; they are where the part
/// ends afterwards.
pub async fn send(
    connection: &mut Connection,
    header: Header,
    contacts: &Contacts,
    part: Part,
    rows: &mut Option<ContactRows>,
    progress: Option<&Progress>,
) -> Result<Outcome, SendError> {
    let (sender, receiver) = mpsc::channel(WAITING_MESSAGES);
    let source = Reading {
        contacts: contacts.clone(),
        part,
        max_bytes: (connection.limits.max_message_bytes as usize).min(MESSAGE_BYTES),
        progress: progress.cloned(),
    };
    let open = rows.take();
    let mut reading = tokio::task::spawn_blocking(move || source.run(header, open, sender));
    let call = connection
        .lists
        .update_contact_list_contacts(ReceiverStream::new(receiver));
    let mut call = std::pin::pin!(call);
    let read = tokio::select! {
        response = &mut call => {
            // The server can refuse a stream before its end: reading then ends as well.
            if let Ok(Ok(left)) = reading.await {
                *rows = left;
            }
            return response.map(tonic::Response::into_inner).map_err(SendError::Status);
        }
        read = &mut reading => read,
    };
    match read {
        Ok(Ok(left)) => {
            *rows = left;
            let response = call.await;
            response
                .map(tonic::Response::into_inner)
                .map_err(SendError::Status)
        }
        // The sender in the error is dropped after the call: a stream that ends would look complete.
        Ok(Err((error, _sender))) => Err(SendError::File(error)),
        Err(error) => Err(SendError::File(anyhow!(error))),
    }
}

/// Reads a part of a file into messages.
struct Reading {
    contacts: Contacts,
    part: Part,
    max_bytes: usize,
    progress: Option<Progress>,
}

type Sending = Sender<Request>;

/// What is left of reading: the rows where the part ends. An error keeps the sender, and with it the stream, open.
type Left = Result<Option<ContactRows>, (anyhow::Error, Sending)>;

impl Reading {
    fn run(&self, header: Header, open: Option<ContactRows>, sender: Sending) -> Left {
        match self.read(header, open, &sender) {
            Ok(left) => Ok(left),
            Err(error) => Err((error, sender)),
        }
    }

    /// Returns `None` if the call has ended before.
    fn read(
        &self,
        header: Header,
        open: Option<ContactRows>,
        sender: &Sending,
    ) -> anyhow::Result<Option<ContactRows>> {
        let Part { start, end, offset } = self.part;
        let mut batch = Batch {
            sender,
            max_bytes: self.max_bytes,
            request: Request {
                header: Some(header),
                ..Request::default()
            },
            bytes: 0,
        };
        if !batch.flush() {
            return Ok(None);
        }
        let mut rows = open;
        for (from, to) in [(start + offset, end), (start, start + offset)] {
            if from == to {
                continue;
            }
            let mut reading = match rows.take() {
                Some(rows) if rows.next() <= from => rows,
                _ => self.contacts.rows()?,
            };
            reading.skip_to(from)?;
            while reading.next() < to {
                let Some(row) = reading.read()? else {
                    break;
                };
                let contact = self.contacts.reader.read(row)?.contact;
                if !batch.push(contact) {
                    return Ok(None);
                }
                if let Some(progress) = &self.progress {
                    progress.set(reading.next());
                }
            }
            rows = Some(reading);
        }
        batch.request.footer = Some(Footer {
            contact_count: i32::try_from(self.part.count())?,
        });
        let is_sent = batch.flush();
        Ok(rows.filter(|_| is_sent))
    }
}

/// The message that is being filled.
struct Batch<'a> {
    sender: &'a Sending,
    max_bytes: usize,
    request: Request,
    bytes: usize,
}

impl Batch<'_> {
    /// Adds a contact. Returns false if the call has ended.
    fn push(&mut self, contact: crate::proto::Contact) -> bool {
        // With room for the tag and the length of each contact, and for the footer.
        let bytes = contact.encoded_len() + 16;
        let count = self.request.contacts.len();
        let is_full = count == MESSAGE_CONTACTS || self.bytes + bytes + 64 > self.max_bytes;
        if is_full && count > 0 && !self.flush() {
            return false;
        }
        self.bytes += bytes;
        self.request.contacts.push(contact);
        true
    }

    /// Sends the message, once the server has taken the ones before. Returns false if the call has ended.
    fn flush(&mut self) -> bool {
        self.bytes = 0;
        self.sender
            .blocking_send(std::mem::take(&mut self.request))
            .is_ok()
    }
}

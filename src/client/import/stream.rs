//! One call: its rows are read, and sent as the server takes them.

use anyhow::anyhow;
use prost::Message;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Response, Status};

use super::{
    contacts::{ContactRows, Contacts},
    progress::Progress,
};
use crate::{
    client::{connect::Connection, error::sentence},
    proto::{
        Contact, UpdateContactListContactsFooter as Footer,
        UpdateContactListContactsHeader as Header, UpdateContactListContactsRequest as Request,
        UpdateContactListContactsResponse as Outcome,
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

impl From<SendError> for anyhow::Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Status(status) => sentence(status),
            SendError::File(error) => error,
        }
    }
}

/// What a message has beside the header, which goes into the first one.
#[derive(Default)]
pub struct Batch {
    /// The contacts.
    pub contacts: Vec<Contact>,
    /// In the last message: how many contacts all of them have.
    pub contact_count: Option<i32>,
}

/// Sends a part of the file's contacts as an update. `rows` are those that were left open by the call before; they are where the
/// part ends afterwards.
pub async fn send(
    connection: &mut Connection,
    header: Header,
    contacts: &Contacts,
    part: Part,
    rows: &mut Option<ContactRows>,
    progress: Option<&Progress>,
) -> Result<Outcome, SendError> {
    let mut header = Some(header);
    let request = move |batch: Batch| Request {
        header: header.take(),
        contacts: batch.contacts,
        footer: (batch.contact_count).map(|contact_count| Footer { contact_count }),
    };
    let max_bytes = connection.limits.max_message_bytes;
    let (lists, sent) = (&mut connection.lists, (part, rows, progress));
    send_batches(max_bytes, contacts, sent, |batches| {
        lists.update_contact_list_contacts(batches.map(request))
    })
    .await
}

/// Sends a part of the file's contacts, as [`send`] does, with the call that takes the stream of them.
pub async fn send_batches<T, F>(
    max_message_bytes: i32,
    contacts: &Contacts,
    (part, rows, progress): (Part, &mut Option<ContactRows>, Option<&Progress>),
    call: impl FnOnce(ReceiverStream<Batch>) -> F,
) -> Result<T, SendError>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let (sender, receiver) = mpsc::channel(WAITING_MESSAGES);
    let source = Reading {
        contacts: contacts.clone(),
        part,
        max_bytes: usize::try_from(max_message_bytes)
            .unwrap_or(0)
            .min(MESSAGE_BYTES),
        progress: progress.cloned(),
    };
    let open = rows.take();
    let mut reading = tokio::task::spawn_blocking(move || source.run(open, sender));
    let mut call = std::pin::pin!(call(ReceiverStream::new(receiver)));
    let read = tokio::select! {
        response = &mut call => {
            // The server can refuse a stream before its end: reading then ends as well.
            if let Ok(Ok(left)) = reading.await {
                *rows = left;
            }
            return response.map(Response::into_inner).map_err(SendError::Status);
        }
        read = &mut reading => read,
    };
    match read {
        Ok(Ok(left)) => {
            *rows = left;
            let response = call.await;
            response
                .map(Response::into_inner)
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

type Sending = Sender<Batch>;

/// What is left of reading: the rows where the part ends. An error keeps the sender, and with it the stream, open.
type Left = Result<Option<ContactRows>, (anyhow::Error, Sending)>;

impl Reading {
    fn run(&self, open: Option<ContactRows>, sender: Sending) -> Left {
        match self.read(open, &sender) {
            Ok(left) => Ok(left),
            Err(error) => Err((error, sender)),
        }
    }

    /// Returns `None` if the call has ended before.
    fn read(
        &self,
        open: Option<ContactRows>,
        sender: &Sending,
    ) -> anyhow::Result<Option<ContactRows>> {
        let Part { start, end, offset } = self.part;
        let mut batch = OpenBatch {
            sender,
            max_bytes: self.max_bytes,
            batch: Batch::default(),
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
        batch.batch.contact_count = Some(i32::try_from(self.part.count())?);
        let is_sent = batch.flush();
        Ok(rows.filter(|_| is_sent))
    }
}

/// The message that is being filled.
struct OpenBatch<'a> {
    sender: &'a Sending,
    max_bytes: usize,
    batch: Batch,
    bytes: usize,
}

impl OpenBatch<'_> {
    /// Adds a contact. Returns false if the call has ended.
    fn push(&mut self, contact: Contact) -> bool {
        // With room for the tag and the length of each contact, and for the footer.
        let bytes = contact.encoded_len() + 16;
        let count = self.batch.contacts.len();
        let is_full = count == MESSAGE_CONTACTS || self.bytes + bytes + 64 > self.max_bytes;
        if is_full && count > 0 && !self.flush() {
            return false;
        }
        self.bytes += bytes;
        self.batch.contacts.push(contact);
        true
    }

    /// Sends the message, once the server has taken the ones before. Returns false if the call has ended.
    fn flush(&mut self) -> bool {
        self.bytes = 0;
        self.sender
            .blocking_send(std::mem::take(&mut self.batch))
            .is_ok()
    }
}
